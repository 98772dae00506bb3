"""`manage.py serve`: the web server alone, in this process, for containers."""

import os
import secrets
from typing import Any

from django.conf import settings

from foundation.metrics import folder as metrics
from foundation.terminal.command import Command as TerminalCommand
from foundation.terminal.errors import Error
from katoproject.configuration.exposure import Exposed, check_exposure
from katoproject.configuration.locations import data_dir
from katoproject.launcher.web_program import web_command


class Command(TerminalCommand):
    help = """Run only the web server, on HOST and PORT: for containers, and for services on several machines.

The server replaces this process, so signals reach it. Migrate the database, collect the static files and compile the
kernels first (migrate, collectstatic, compile_kernels)."""
    examples = """
  HOST=0.0.0.0 manage.py serve
  PORT=8001 KATO_WORKERS=8 manage.py serve
"""

    def handle(self, *args: Any, **options: Any) -> None:
        environment = settings.ENV
        try:
            check_exposure(environment, environment.host)
        except Exposed as reason:
            raise Error(str(reason)) from None
        settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
        if metrics.VARIABLE not in os.environ:
            os.environ[metrics.VARIABLE] = str(metrics.empty_folder(data_dir(), environment.port))
        # One id for all workers, because they are one service. A process on their port with another id is another one.
        os.environ.setdefault("KATO_INSTANCE_ID", environment.instance_id or secrets.token_hex(6))
        command = web_command(environment.host, environment.port, environment.workers)
        os.execv(command[0], command)
