"""`python -m benchmarks.listing`: pages of many sessions, and their number, among a thousand and among a million."""

import argparse
import time
from collections.abc import Callable
from statistics import median

import psutil
import psycopg

from benchmarks.own_database import own_database

FEW, MANY = 1_000, 1_000_000
LIMIT = 100
TIMES = 30
TOUCHED = 100_000
RECENT = (0, 3_000, 30_000)

# Half of them have one node.
_FILL = """
    INSERT INTO sessions_app_session (id, node_id, created_at, ttl_seconds, expires_at, version, config, metadata)
    SELECT 'session-' || md5(n::text) || '-' || 1790000000000 + n,
        CASE WHEN n %% 2 = 0 THEN 'half' ELSE 'node-' || n %% 1000 END,
        now() - make_interval(secs => %(last)s * 0.01) + make_interval(secs => n * 0.01), 36000,
        now() + make_interval(secs => 36000 + n %% 3600), n, '{}', '{}'
    FROM generate_series(%(first)s::int, %(last)s::int) AS n
"""
# As creations of so many sessions would, each in a transaction of its own: after the stored number, all are one's.
_CREATE = """
    WITH session AS (
        INSERT INTO sessions_app_session (id, node_id, created_at, ttl_seconds, expires_at, version, config, metadata)
        SELECT 'recent-' || gen_random_uuid(), 'node-1', now(), 36000, now() + interval '10 hours', n, '{}', '{}'
        FROM generate_series(1, %(number)s::int) AS n RETURNING id, node_id, created_at
    )
    INSERT INTO sessions_app_sessionevent (changed, kind, recorded_at, session_id, node_id, happened_at)
    SELECT pg_current_xact_id(), 0, clock_timestamp(), id, node_id, created_at FROM session
"""
_TOUCH = """
    UPDATE sessions_app_session SET expires_at = expires_at + interval '1 minute'
    WHERE id IN (SELECT id FROM sessions_app_session ORDER BY md5(id) LIMIT %(number)s)
"""
_FORGET = "UPDATE sessions_app_sessiontotal SET counted_at = NULL"
_NTH = "SELECT created_at, id FROM sessions_app_session ORDER BY created_at DESC, id DESC LIMIT 1 OFFSET %(place)s"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.listing", description=__doc__)
    parser.add_argument("--sessions", type=int, default=MANY, help=f"how many there are ({MANY})")
    options = parser.parse_args()
    with own_database() as connection:
        print(f"{'sessions':>10}  {'what':<44}{'p50 ms':>9}{'p95 ms':>9}{'CPU ms':>9}")
        first = 1
        for number in (FEW, options.sessions):
            connection.execute(_FILL, {"first": first, "last": number})
            connection.execute("VACUUM ANALYZE sessions_app_session")
            first = number + 1
            _measure(connection, number)


def _measure(connection: psycopg.Connection, sessions: int) -> None:
    from sessions_app import reads
    from sessions_app.operations import totals

    def row(what: str, act: Callable[[], object]) -> None:
        middle, slow, cpu = _timed(act)
        print(f"{sessions:>10}  {what:<44}{middle:>9.2f}{slow:>9.2f}{cpu:>9.2f}", flush=True)

    for node in (None, "half"):
        of_node = f", of {node} of them" if node else ""
        for name, share in (("first", 0.0), ("middle", 0.5), ("last", 0.95)):
            place = int(sessions * share)
            # `skip` among those of the node, `after` at the same place of the list.
            skip = place // 2 if node else place
            row(f"page by skip, {name}{of_node}", lambda s=skip, n=node: reads.page(skip=s, limit=LIMIT, node_id=n))  # type: ignore[misc]
            found = connection.execute(_NTH, {"place": place}).fetchone()
            assert found is not None
            after = reads.Cursor(*found)
            row(f"page by after, {name}{of_node}", lambda a=after, n=node: reads.page(after=a, limit=LIMIT, node_id=n))  # type: ignore[misc]
    connection.execute(_FORGET)
    row("number, all counted", reads.count)
    for recent in RECENT:
        totals.count()
        connection.execute(_CREATE, {"number": recent})
        row(f"number, stored {recent} creations ago", reads.count)
    connection.execute(_TOUCH, {"number": TOUCHED})
    totals.count()
    row(f"number, after {TOUCHED} touches", reads.count)
    row("the chore that stores it", totals.count)
    row("number of the sessions of half", lambda: reads.count(node_id="half"))


def _timed(act: Callable[[], object]) -> tuple[float, float, float]:
    """Milliseconds: the median and a slow one, and the mean CPU of PostgreSQL and this process together."""
    from django.db import connection

    connection.ensure_connection()
    assert connection.connection is not None
    backend = psutil.Process(connection.connection.info.backend_pid)
    times = []
    act()  # reads from the disk
    before = _cpu(backend)
    for _ in range(TIMES):
        began = time.perf_counter()
        act()
        times.append(time.perf_counter() - began)
    cpu = (_cpu(backend) - before) / TIMES
    times.sort()
    return median(times) * 1000, times[TIMES * 95 // 100] * 1000, cpu * 1000


def _cpu(backend: psutil.Process) -> float:
    return sum(backend.cpu_times()[:2]) + time.process_time()


if __name__ == "__main__":
    main()
