"""Which program answers: its name, release and instance, on every response and in `/health`.

This project began with an incident in which two programs answered under one name (docs/investigation.md). With an
identity on every response, a client sees that two of its requests reached different programs.
"""

import os
import socket
import time
import uuid

from django.conf import settings

from katoproject.configuration.versions import API_VERSION as API_VERSION
from katoproject.configuration.versions import RELEASE as RELEASE

PROGRAM = "kato-django"
# On a clock that nobody can set.
STARTED = time.monotonic()

HEADER = "X-Kato-Instance"
SERVICE_NAME: str = settings.ENV.service_name

# `manage.py up` gives all its processes one id; a process that is started alone is an instance of its own.
INSTANCE = settings.ENV.instance_id or uuid.uuid4().hex[:12]


def describe() -> str:
    """`kato-django/RELEASE (instance 3f2a9c1b7d40; host atlas; pid 4711)`; with KATO_HIDE_HOST only the instance."""
    if settings.ENV.hide_host:
        return f"{PROGRAM} (instance {INSTANCE})"
    return f"{PROGRAM}/{RELEASE} (instance {INSTANCE}; host {socket.gethostname()}; pid {os.getpid()})"
