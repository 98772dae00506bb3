"""The console's pages for sessions and jobs. Importing them registers them with Django's admin."""

from sessions_app.admin import jobs, sessions

__all__ = ["jobs", "sessions"]
