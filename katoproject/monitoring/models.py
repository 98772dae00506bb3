"""Stored samples: a row per instance every ten seconds for a day, then one an hour for a year."""

from django.db import models
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast

from foundation.postgresql.fields import TextFieldInC


class Sample(models.Model):
    """All counters of one instance at one moment, as totals since it started (see `snapshot.Snapshot`).

    One document and not a row per series: the hundred values of a sample are always written and read together.
    """

    pk = models.CompositePrimaryKey("at", "instance")
    at = models.DateTimeField()
    instance = TextFieldInC()
    snapshot = models.JSONField()
    started_at = models.GeneratedField(
        expression=Cast(KeyTextTransform("started_at", "snapshot"), models.FloatField()),
        output_field=models.FloatField(),
        db_persist=True,
    )
    # The last of its hour, kept when the others were deleted: totals need no more (`rolling.py`).
    hourly = models.BooleanField(db_default=False)

    def __str__(self) -> str:
        return f"{self.instance} {self.at}"
