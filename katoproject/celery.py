"""The Celery application: background work, by way of Redis. `celery -A katoproject worker` / `beat`."""

import os
from typing import Any

from celery import Celery, signals

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "katoproject.settings")

app = Celery("kato")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["katoproject.upkeep", "sessions_app.jobs"])


@signals.worker_ready.connect
def _sample(**_: Any) -> None:
    """Sample what workers count: there may be no web process on this machine to do that."""
    from katoproject.monitoring import sampling  # Django is not set up yet when this module is imported

    sampling.start()
