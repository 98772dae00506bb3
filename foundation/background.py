"""The Celery application, for code that publishes tasks or talks to workers.

Celery and its libraries take a tenth of a second to import, so the first use imports them, not the start of every
command. Use this, not `celery.current_app`: in a process that has not imported the project's application that is a
default one, which silently looks for a broker on localhost.
"""

from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from celery import Celery


# Where tasks wait. The application adds what all names in Redis begin with (`foundation/redis_names.py`).
QUEUE = "celery"


class BrokerUnavailable(Exception):
    """The broker did not take a message."""


def celery_app() -> "Celery":
    """What the function that BACKGROUND_APP names returns. Ask again for each use: it may be another one."""
    app: Celery = import_string(settings.BACKGROUND_APP)()
    return app


def load() -> None:
    """Import it, without asking for it: that needs the database."""
    import_string(settings.BACKGROUND_APP)


def send(task: str, *arguments: str) -> None:
    """Ask a worker for a task, by name. Raises BrokerUnavailable."""
    from kombu.exceptions import OperationalError

    try:
        celery_app().send_task(task, arguments, retry=False)
    except OperationalError as error:
        raise BrokerUnavailable(str(error)) from error
