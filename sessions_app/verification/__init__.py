"""What must hold of sessions, of what is told about them, and of jobs."""

from sessions_app.verification import announcements, cached, entries, jobs, sessions

CHECKS = [*sessions.CHECKS, *entries.CHECKS, *announcements.CHECKS, *jobs.CHECKS, *cached.CHECKS]
