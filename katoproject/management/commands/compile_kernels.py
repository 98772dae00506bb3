"""`manage.py compile_kernels`: compile the kernels of predictions before a request needs them."""

from typing import Any

from foundation.terminal.command import Command as TerminalCommand
from katoproject.configuration.kernels import compile_all


class Command(TerminalCommand):
    help = """Compile the kernels of predictions, unless those of this version are compiled already.

Takes about a minute the first time on a machine. Without it the first predictions would wait that long."""
    examples = """
  manage.py compile_kernels
"""

    def handle(self, *args: Any, **options: Any) -> None:
        compile_all()
