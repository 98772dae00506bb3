"""The table of what was counted: one row for each instance every ten seconds, for a day."""

from django.db import models

from katoproject.postgresql.fields import TextFieldInC


class Sample(models.Model):
    """All counters of one instance at one moment, as totals since it started (see `snapshot.Snapshot`).

    One document and not a row per series: nobody asks for a single one of a hundred rows that were written together.
    """

    pk = models.CompositePrimaryKey("at", "instance")
    at = models.DateTimeField()
    instance = TextFieldInC()
    snapshot = models.JSONField()

    def __str__(self) -> str:
        return f"{self.instance} {self.at}"
