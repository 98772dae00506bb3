"""Where sessions and jobs are stored, as the statistics name it."""

from foundation.postgresql.statements import Store

SESSIONS = Store("sessions")
