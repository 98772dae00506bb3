"""The background processes, started as `manage.py up` starts them."""

import os
import subprocess
import sys

from benchmarks.stack.process import ProcessGroup
from katoproject.configuration.environment import PROJECT_DIR


class Background(ProcessGroup):
    """A Celery program: a worker or a beat."""

    def __init__(self, *program: str, **environment: str) -> None:
        super().__init__()
        self._program = program
        self._environment = {**os.environ, "CELERY_SKIP_CHECKS": "yes", **environment}

    def start(self) -> None:
        command = [sys.executable, "-m", "celery", "-A", "katoproject", "--quiet", *self._program]
        self._process = subprocess.Popen(command, cwd=PROJECT_DIR, env=self._environment, start_new_session=True)


class Worker(Background):
    """A Celery worker with two processes."""

    def __init__(self, **environment: str) -> None:
        alone = ("--without-mingle", "--without-gossip")
        super().__init__("worker", "--concurrency=2", "--loglevel=INFO", *alone, **environment)


class Beat(Background):
    """The scheduler."""

    def __init__(self, **environment: str) -> None:
        super().__init__("beat", "--pidfile=", **environment)
