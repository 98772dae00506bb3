"""Attempts to log in."""

from django.db import models
from django.db.models.functions import Now

from foundation.postgresql.fields import TextFieldInC


class Attempt(models.Model):
    """A password that was tried. Failures count for minutes; the last success of a user at an address for weeks."""

    # As typed: most names that strangers try are those of no user.
    username = TextFieldInC()
    # One IPv4 address, or the network of an IPv6 address (`foundation.addresses.owner_of`).
    network = TextFieldInC()
    at = models.DateTimeField(db_default=Now())
    succeeded = models.BooleanField(db_default=False)

    class Meta:
        indexes = [
            models.Index(fields=["username", "network", "at"], name="logins_attempt_username"),
            models.Index(fields=["network", "at"], name="logins_attempt_network"),
            models.Index(fields=["at"], name="logins_attempt_at"),
        ]

    def __str__(self) -> str:
        return f"{self.username} from {self.network}"
