"""What must hold for sessions, their entries, events and cache entries, and for jobs."""

from sessions_app.verification import announcements, cached, entries, jobs, sessions

CHECKS = [*sessions.CHECKS, *entries.CHECKS, *announcements.CHECKS, *jobs.CHECKS, *cached.CHECKS]
