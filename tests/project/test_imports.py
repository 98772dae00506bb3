"""Importing a module changes nothing: programs configure themselves when Django is set up."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from katoproject.configuration.environment import PROJECT_DIR

_IMPORT = """
import logging, os
before = (logging._srcfile, logging.logThreads, dict(os.environ))
import foundation.logs, foundation.metrics.registry, foundation.metrics.board, foundation.postgresql.statements
import katoproject.configuration.kernels, katoproject.celery
assert before == (logging._srcfile, logging.logThreads, dict(os.environ))
assert not os.path.exists(os.environ["PROMETHEUS_MULTIPROC_DIR"])
"""
_SET_UP = """
import django, logging, os
django.setup()
assert logging._srcfile is None
assert os.environ["NUMBA_CACHE_DIR"].startswith(os.environ["KATO_DATA_DIR"])
assert os.listdir(os.environ["PROMETHEUS_MULTIPROC_DIR"]) == []
import sessions_app.counters
from foundation.metrics import counts
counts.publish()
assert os.listdir(os.environ["PROMETHEUS_MULTIPROC_DIR"])
"""
_LATE = """
import django, numba
django.setup()
"""


def run(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        **{name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"},
        "KATO_DATA_DIR": str(folder),
        "PROMETHEUS_MULTIPROC_DIR": str(Path(tempfile.mkdtemp(dir=folder)) / "metrics"),
        "DJANGO_SETTINGS_MODULE": "katoproject.settings",
    }
    command = [sys.executable, "-c", program]
    return subprocess.run(command, cwd=PROJECT_DIR, env=environment, capture_output=True, text=True, check=False)


def test_importing_configures_nothing_and_creates_no_folder(folder: Path) -> None:
    assert run(_IMPORT, folder).stderr == ""


def test_setting_up_django_configures_logging_kernels_and_the_folder_of_metrics(folder: Path) -> None:
    assert run(_SET_UP, folder).stderr == ""


def test_kernels_that_would_be_saved_beside_the_sources_are_an_error(folder: Path) -> None:
    assert "RuntimeError: Numba was imported before configure_kernels" in run(_LATE, folder).stderr
