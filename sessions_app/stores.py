"""The store of sessions and jobs, under the name that the metrics give it."""

from foundation.postgresql.statements import Store

SESSIONS = Store("sessions")
