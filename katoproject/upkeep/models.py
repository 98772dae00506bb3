"""When each chore was last done, by the clock of PostgreSQL alone."""

from django.db import models

from foundation.postgresql.fields import TextFieldInC


class Chore(models.Model):
    """A chore that has been begun at least once."""

    name = TextFieldInC(primary_key=True)
    begun_at = models.DateTimeField()
    # When a worker last found nothing left to do, or stopped because its time was over; null before the first time.
    done_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return str(self.name)
