"""`manage.py serve`: the web server alone, in this very process, for containers."""

import os
import secrets
from typing import Any

from django.conf import settings

from foundation.metrics import folder as monitoring
from foundation.terminal.command import Command as TerminalCommand
from katoproject.configuration.locations import data_dir
from katoproject.launcher.web_program import web_command


class Command(TerminalCommand):
    help = """Run only the web server, on HOST and PORT: for containers, and for more machines.

It becomes this process, so signals reach it. The database must be migrated, files collected, kernels compiled."""
    examples = """
  HOST=0.0.0.0 manage.py serve
  PORT=8001 KATO_WORKERS=8 manage.py serve
"""

    def handle(self, *args: Any, **options: Any) -> None:
        environment = settings.ENV
        settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
        if monitoring.VARIABLE not in os.environ:
            os.environ[monitoring.VARIABLE] = str(monitoring.empty_folder(data_dir(), environment.port))
        # One id for all its workers: they are one service, and what shares their port with another id is another.
        os.environ.setdefault("KATO_INSTANCE_ID", environment.instance_id or secrets.token_hex(6))
        command = web_command(environment.host, environment.port, environment.workers)
        os.execv(command[0], command)
