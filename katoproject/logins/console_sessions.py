"""Sessions of operators in the console: the setting SESSION_ENGINE. The clock of PostgreSQL says when they end."""

from datetime import timedelta
from typing import Any

from django.contrib.sessions.backends.db import SessionStore as DjangoSessionStore
from django.contrib.sessions.base_session import AbstractBaseSession
from django.contrib.sessions.models import Session
from django.db.models import DateTimeField, ExpressionWrapper
from django.db.models.functions import Now


class SessionStore(DjangoSessionStore):
    """Django's own compares with the clock of the host, which may be wrong or different on each."""

    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def _get_session_from_db(self) -> Session | None:
        found = Session.objects.filter(session_key=self.session_key, expire_date__gt=Now()).first()
        if found is None:
            self._session_key = None
        return found

    def create_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        made = super().create_model_instance(data)
        ends = Now() + timedelta(seconds=self.get_expiry_age())
        made.expire_date = ExpressionWrapper(ends, output_field=DateTimeField())
        return made


def delete_expired(*, limit: int = 1000) -> int:
    """Delete up to `limit` sessions of operators that have ended; returns how many."""
    expired = Session.objects.filter(expire_date__lt=Now()).values("pk")[:limit]
    number, _ = Session.objects.filter(pk__in=expired).delete()
    return number
