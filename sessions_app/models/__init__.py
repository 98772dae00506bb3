"""Tables of the session store and of background work, for Django to find."""

from sessions_app.models.jobs import Job, JobPart
from sessions_app.models.sessions import Entry, IdempotencyKey, Session, SessionEvent, Stream

__all__ = ["Entry", "IdempotencyKey", "Job", "JobPart", "Session", "SessionEvent", "Stream"]
