"""The Celery application: background work carried by Redis. `celery -A katoproject worker` / `beat`."""

import os
from typing import Any

from celery import Celery, signals

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "katoproject.settings")

app = Celery("kato")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["katoproject.upkeep", "sessions_app.jobs"])


@signals.worker_ready.connect
def _sample(**_: Any) -> None:
    """What workers count must be seen also where no web process runs beside them."""
    from katoproject.monitoring import sampling  # needs Django, which is not ready when this module is imported

    sampling.start()
