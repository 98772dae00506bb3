"""Sessions of operators in the console."""

from django.contrib.sessions.models import Session
from django.db.models.functions import Now


def delete_expired(*, limit: int = 1000) -> int:
    """Delete up to `limit` sessions of operators that have ended; returns how many."""
    expired = Session.objects.filter(expire_date__lt=Now()).values("pk")[:limit]
    number, _ = Session.objects.filter(pk__in=expired).delete()
    return number
