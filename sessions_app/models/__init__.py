"""Tables of sessions and jobs, where Django looks for them."""

from sessions_app.models.jobs import Job, JobPart
from sessions_app.models.sessions import Entry, IdempotencyKey, Session, SessionEvent, SessionTotal, Stream

__all__ = ["Entry", "IdempotencyKey", "Job", "JobPart", "Session", "SessionEvent", "SessionTotal", "Stream"]
