"""What the start of a process imports: commands are many and short, and each pays for it."""

import os
import re
import subprocess
import sys
from tempfile import TemporaryDirectory

import pytest
from django.conf import settings

from katoproject.configuration.environment import PROJECT_DIR

EXPENSIVE = {"celery", "kombu", "numba", "numpy", "redis", "requests", "rest_framework.views", "rich"}

_SET_UP = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "katoproject.settings"
import django
django.setup()
"""


def run(program: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _SET_UP + program],
        cwd=PROJECT_DIR,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.mark.parametrize("command", ["katoproject.upkeep", "sessions_app.management.commands.session"])
def test_a_command_imports_no_library_that_it_may_not_need(command: str) -> None:
    assert set(run(f"import {command}; print(*sys.modules)").split()) & EXPENSIVE == set()


def test_what_web_processes_share_has_imported_everything_and_is_of_no_process() -> None:
    """They are forked from it: they would have no thread of it, and all of them its connections."""
    program = """
import katoproject.server.preload
loaded, folder = set(sys.modules), os.environ["PROMETHEUS_MULTIPROC_DIR"]
import threading
from django.db import connections
from foundation.metrics.board import board
assert threading.enumerate() == [threading.main_thread()]
assert [one.connection for one in connections.all()] == [None]
assert os.listdir(folder) == []
import katoproject.server.wsgi
assert len(threading.enumerate()) > 1 and [slot.pid for slot in board.living()] == [os.getpid()]
print(*loaded)
"""
    with TemporaryDirectory() as folder:
        loaded = run(program, PROMETHEUS_MULTIPROC_DIR=folder)
    assert set(loaded.split()) >= EXPENSIVE - {"requests", "rich"}


@pytest.mark.parametrize(
    "program",
    [
        "from foundation.background import celery_app; celery_app()",
        "import katoproject.server.wsgi",
        "from celery.app.utils import find_app; find_app('katoproject')",
    ],
)
def test_the_application_of_celery_is_the_projects_wherever_tasks_are_sent(program: str) -> None:
    """Celery has an application for processes without one. It looks for a broker on localhost, and reports nothing."""
    assert run(f"{program}\nfrom celery import current_app; print(current_app.conf.broker_url)") == (
        settings.CELERY_BROKER_URL
    )


def test_tasks_are_sent_in_one_place() -> None:
    spelling = re.compile(r"import current_app|celery\.current_app\.|\.delay\(|\.apply_async\(|\.send_task\(")
    senders = {
        str(path.relative_to(PROJECT_DIR))
        for package in ("foundation", "katoproject", "memory_app", "sessions_app")
        for path in (PROJECT_DIR / package).rglob("*.py")
        if spelling.search(path.read_text())
    }
    assert senders == {"foundation/background.py"}


def test_the_check_of_the_console_sees_its_pages() -> None:
    """Whether or not the routes were imported before."""
    program = """
from django.contrib import admin
from django.core.checks import run_checks, Tags
assert [found for found in run_checks(tags=[Tags.admin]) if not found.is_silenced()] == []
print(*sorted(model._meta.label for model in admin.site._registry))
"""
    assert {"auth.User", "memory_app.Node", "sessions_app.Session"} <= set(run(program).split())
