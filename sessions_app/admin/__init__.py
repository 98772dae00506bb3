"""Sessions and jobs in the console."""

from sessions_app.admin import jobs, sessions

__all__ = ["jobs", "sessions"]
