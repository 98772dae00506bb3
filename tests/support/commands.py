"""The commands of manage.py as users see them: status, standard output, standard error."""

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any
from unittest import mock

from django.core.management import get_commands, load_command_class

from katoproject.configuration.environment import PROJECT_DIR


@dataclass(frozen=True, slots=True)
class CommandResult:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.split("\n") if line]


def command(name: str, *arguments: str, stdin: bytes = b"") -> CommandResult:
    """Run a command in this process, from the arguments to the exit status."""
    out, err = io.StringIO(), io.StringIO()
    given = mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
    status: Any = 0
    with redirect_stdout(out), redirect_stderr(err), given:
        try:
            load_command_class(get_commands()[name], name).run_from_argv(["manage.py", name, *arguments])
        except SystemExit as end:
            status = end.code
    return CommandResult(status, out.getvalue(), err.getvalue())


def start_process(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start `python manage.py …` with pipes."""
    return subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=PROJECT_DIR,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def process(*arguments: str, **environment: str) -> CommandResult:
    """Run a command in a process of its own."""
    running = start_process(*arguments, **environment)
    out, err = running.communicate(timeout=60)
    return CommandResult(running.returncode, out, err)
