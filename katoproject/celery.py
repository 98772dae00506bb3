"""The Celery application: background work carried by Redis. `celery -A katoproject worker` / `beat`."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "katoproject.settings")

app = Celery("kato")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
