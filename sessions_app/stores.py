"""The store of sessions and jobs, under the name that the metrics give it."""

from access_app import admission

SESSIONS = admission.store("sessions")
