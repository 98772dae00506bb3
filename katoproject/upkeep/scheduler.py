"""The scheduler of `celery beat`, without a state file and without a clock that can be set.

Celery's own compares the time of day with dates that it keeps in a file. A date that lay ahead stopped all upkeep,
across restarts, and a clock set back stalled it. This one counts from its start. It sends everything at once then: the
rows of the chores decide what is due (`records.py`).
"""

import time
from typing import Any

from celery import beat
from django.conf import settings

from katoproject.upkeep.records import every


class MonotonicScheduler(beat.Scheduler):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._due = {name: time.monotonic() for name in settings.CHORES}

    def tick(self, *_: Any, **__: Any) -> float:
        """Send what is due; return the seconds until more is."""
        for name, due in self._due.items():
            if due <= time.monotonic():
                entry = self.schedule[name]
                # Failures are logged, and the next message asks for the same.
                self.apply_entry(entry, producer=self.producer)
                self._due[name] = time.monotonic() + every(name)
        return max(0.0, min(self._due.values()) - time.monotonic())
