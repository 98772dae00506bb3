"""`python -m benchmarks.admin`: how long the console's pages take with a million sessions.

Each list page is measured as it is, and as Django's admin would render it by itself: with a count of all rows, by page
number, and with a search for substrings.
"""

import argparse
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import psycopg
from django.core.management import call_command

from benchmarks.stack import Stores, temporary_folder
from katoproject.configuration.locations import postgres_url, redis_url

NODES, PATTERNS, JOBS = 1_000, 100_000, 100_000
TIMES = 15

# One in twenty has expired, one in ten is idle; the others were used in the last nine minutes. Half have one node.
_SESSIONS = """
    INSERT INTO sessions_app_session (id, node_id, created_at, ttl_seconds, expires_at, version, config, metadata)
    SELECT 'session-' || md5(n::text) || '-' || 1790000000000 + n,
        CASE WHEN n %% 2 = 0 THEN 'node-0' ELSE 'node-' || n %% %(nodes)s END,
        now() - make_interval(secs => (%(sessions)s - n) * 0.01), 3600,
        now() + make_interval(secs => CASE WHEN n %% 20 = 0 THEN -n %% 600 - 1 WHEN n %% 10 = 1 THEN n %% 2900
                                      ELSE 3100 + n %% 500 END),
        n, '{}', '{}'
    FROM generate_series(1, %(sessions)s) AS n
"""
# The newest session has a hundred events.
_EVENTS = """
    INSERT INTO sessions_app_entry (session_id, stream, position, value)
    SELECT id, 0, n, to_json(ARRAY['s' || n %% 50])
    FROM sessions_app_session, generate_series(1, 100) AS n WHERE version = %(sessions)s
"""
_STM = "UPDATE sessions_app_session SET stm_end = 100 WHERE version = %(sessions)s"
_NODES = """
    INSERT INTO memory_app_node (node_id, memory)
    SELECT 'node-' || n, n + 1 FROM generate_series(0, %(nodes)s) AS n
"""
_PATTERNS = """
    INSERT INTO memory_app_pattern (memory, name, events, length, frequency, emotives, metadata, created, changed)
    SELECT memory, decode(md5(n::text) || '00000000', 'hex'),
        json_build_array(json_build_array('s' || n %% 50), json_build_array('s' || n %% 49, 's' || n)),
        3, 1, '[]', '{}', pg_current_xact_id(), n::text::xid8
    FROM memory_app_node, generate_series(1, %(patterns)s) AS n WHERE node_id = 'node-0'
"""
_JOBS = """
    INSERT INTO sessions_app_job (id, kind, node_id, parameters, state, total, created_at, waiting_since, due_at)
    SELECT 'job-' || md5(n::text) || '-' || n, 'train', 'node-' || n %% %(nodes)s, '{}',
        CASE WHEN n %% 100 = 0 THEN 'failed' ELSE 'done' END, 1, now(), now(), now()
    FROM generate_series(1, %(jobs)s) AS n
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.admin", description=__doc__)
    parser.add_argument("--sessions", type=int, default=1_000_000)
    options = parser.parse_args()
    with temporary_folder() as folder:
        data = folder / "ours"
        os.environ |= {
            "KATO_DATA_DIR": str(data),
            "DATABASE_URL": postgres_url(data),
            "REDIS_URL": redis_url(data),
            "LOG_LEVEL": "CRITICAL",
            "DJANGO_SETTINGS_MODULE": "katoproject.settings",
        }
        with Stores(data, private=True):
            import django

            django.setup()
            call_command("migrate", verbosity=0)
            _fill(data, options.sessions)
            _measure(options.sessions)


def _fill(data: Path, sessions: int) -> None:
    """Write rows directly into the tables, on a connection without the time limits of the service."""
    numbers = {"sessions": sessions, "nodes": NODES, "patterns": PATTERNS, "jobs": JOBS}
    with psycopg.connect(postgres_url(data), autocommit=True) as connection:
        for statement in (_SESSIONS, _NODES, _PATTERNS, _JOBS, _EVENTS, _STM):
            connection.execute(statement, numbers)
        connection.execute("VACUUM ANALYZE")


def _measure(sessions: int) -> None:
    from django.contrib.auth.models import User
    from django.test import Client
    from django.urls import reverse

    from sessions_app.models.sessions import Session

    browser = Client()
    browser.force_login(User.objects.create_superuser("operator"))
    newest = Session.objects.order_by("-created_at").values_list("id", flat=True)[0]
    middle = Session.objects.get(version=sessions // 2)
    lists = reverse("admin:sessions_app_session_changelist")
    node = reverse("admin:memory_app_node_change", args=["node-0"]).removesuffix("change/")
    after = f'?after=["{middle.created_at.isoformat()}","{middle.id}"]'.replace("+", "%2B")
    # Our address of each page, and Django's, which has a page number for the middle of the list.
    pages: dict[str, tuple[str, str | None]] = {
        "sessions, first page": (lists, lists),
        "sessions, in the middle": (lists + after, f"{lists}?p={sessions // 100}"),
        "active": (f"{lists}?state=active", f"{lists}?state=active"),
        "expired": (f"{lists}?state=expired", f"{lists}?state=expired"),
        "idle": (f"{lists}?state=idle", f"{lists}?state=idle"),
        "one node of a thousand": (f"{lists}?node=node-7", f"{lists}?node=node-7"),
        "the node of half of them": (f"{lists}?node=node-0", f"{lists}?node=node-0"),
        "the same, idle (none is)": (f"{lists}?node=node-0&state=idle", f"{lists}?node=node-0&state=idle"),
        "search by whole id": (f"{lists}?q={newest}", f"{lists}?q={newest}"),
        "search by beginning of an id": (f"{lists}?q={newest[:14]}", f"{lists}?q={newest[:14]}"),
        "a session with 100 events": (reverse("admin:sessions_app_session_change", args=[newest]), None),
        "nodes": (reverse("admin:memory_app_node_changelist"), None),
        "a node of 100,000 patterns": (f"{node}change/", None),
        "its patterns": (f"{node}patterns/", None),
        "jobs (100,000)": (reverse("admin:sessions_app_job_changelist"), None),
        "failed jobs": (f"{reverse('admin:sessions_app_job_changelist')}?state=failed", None),
        "overview": (reverse("admin:index"), None),
    }
    print(f"{sessions:,} sessions\n{'page':<32}{'p50 ms':>10}{'PostgreSQL':>12}{'Django p50':>14}{'PostgreSQL':>12}")
    for name, (ours, theirs) in pages.items():
        columns = [_timed(browser, ours, TIMES)]
        if theirs is not None:
            with _as_django_does():
                columns.append(_timed(browser, theirs, 3))
        print(f"{name:<32}" + "  ".join(f"{total:>10}{database:>12}" for total, database in columns), flush=True)
    with psycopg.connect(postgres_url(), autocommit=True) as connection:
        connection.execute("UPDATE sessions_app_session SET expires_at = now() + interval '59 min'")
        connection.execute("VACUUM ANALYZE sessions_app_session")
    print(f"{'idle (none of a million is)':<32}{'{:>10}{:>12}'.format(*_timed(browser, f'{lists}?state=idle', TIMES))}")


def _timed(browser: Any, path: str, times: int) -> tuple[str, str]:
    """Median milliseconds of a page, and PostgreSQL's share; "cancelled" if a statement reached its limit of 5 s.

    The first request, which fills caches, is left out.
    """
    totals, waits = [], []
    for _ in range(times + 1):
        with _waiting_for_postgresql() as waited:
            begun = time.perf_counter()
            if browser.get(path).status_code != 200:
                return "cancelled", ""
            totals.append((time.perf_counter() - begun) * 1000)
        waits.append(sum(waited) * 1000)
    return f"{median(totals[1:]):.0f}", f"{median(waits[1:]):.1f}"


@contextmanager
def _waiting_for_postgresql() -> Iterator[list[float]]:
    """Collect the seconds of each wait for PostgreSQL."""
    from foundation.postgresql.base import BoundedConnection

    waited: list[float] = []
    original = BoundedConnection.wait

    def wait(*arguments: Any, **options: Any) -> Any:
        begun = time.perf_counter()
        try:
            return original(*arguments, **options)
        finally:
            waited.append(time.perf_counter() - begun)

    with patch.object(BoundedConnection, "wait", wait):
        yield waited


@contextmanager
def _as_django_does() -> Iterator[None]:
    """Inside the block, the list of sessions uses Django's own pages, counts and search."""
    from django.contrib.admin import ModelAdmin
    from unfold.views import ChangeList

    from sessions_app.admin.sessions import SessionAdmin

    changed: dict[str, Any] = {
        "get_changelist": lambda self, request, **options: ChangeList,
        "get_search_results": ModelAdmin.get_search_results,
        "get_ordering": lambda self, request: ("-created_at",),
        "show_full_result_count": True,
    }
    kept = {name: SessionAdmin.__dict__.get(name) for name in changed}
    for name, value in changed.items():
        setattr(SessionAdmin, name, value)
    try:
        yield
    finally:
        for name, value in kept.items():
            if value is None:
                delattr(SessionAdmin, name)
            else:
                setattr(SessionAdmin, name, value)


if __name__ == "__main__":
    main()
