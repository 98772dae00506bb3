"""`manage.py compile_kernels`: what predictions run on, compiled before anybody waits for it."""

from typing import Any

from foundation.terminal.command import Command as TerminalCommand
from katoproject.configuration.kernels import compile_all


class Command(TerminalCommand):
    help = """Compile what predictions run on, unless that was done for this version of it already.

Takes about a minute the first time, on each machine; without it the first predictions would wait for it."""
    examples = """
  manage.py compile_kernels
"""

    def handle(self, *args: Any, **options: Any) -> None:
        compile_all()
