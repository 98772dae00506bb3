"""Who answers: program, version and instance, on every response and in `/health`.

Two programs behind one name were the incident this project began with (docs/investigation.md). With an identity on
every answer a client sees that two requests reached different programs.
"""

import os
import socket
import time
import uuid

from django.conf import settings

PROGRAM = "kato-django"
API_VERSION = "3.10.1"  # the KATO release whose API is served
STARTED_AT = time.time()

HEADER = "X-Kato-Instance"
SERVICE_NAME: str = settings.ENV.service_name


RELEASE = "0.1.0"
# `manage.py up` gives all its processes one id; a process started alone is an instance of its own.
INSTANCE = settings.ENV.instance_id or uuid.uuid4().hex[:12]


def describe() -> str:
    """For example `kato-django/0.1.0 (instance 3f2a9c1b7d40; host atlas; pid 4711)`."""
    return f"{PROGRAM}/{RELEASE} (instance {INSTANCE}; host {socket.gethostname()}; pid {os.getpid()})"
