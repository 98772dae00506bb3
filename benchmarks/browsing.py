"""`python -m benchmarks.browsing`: pages of the patterns of a large node, and what their index costs a learn."""

import argparse
import time
from statistics import median
from typing import TYPE_CHECKING, Any

import psutil
import psycopg

from benchmarks.own_database import fill_node, own_database

if TYPE_CHECKING:
    from memory_app.reads.browsing import Cursor, Wanted

PATTERNS = 1_000_000
PAGES = 15
LIMIT = 100
LEARNS = 1500
ROUNDS = 4

# Names without order, frequencies as words have them, as many patterns in each transaction as a part of a job has.
_FILL = """
    INSERT INTO memory_app_pattern (memory, name, events, length, frequency, emotives, metadata, created, changed)
    SELECT %(memory)s, decode(md5(n::text) || left(md5((-n)::text), 8), 'hex'),
        format('[["n%%s","of %%s"],["all"]]', n, n %% 1000)::json, 3, 1 + 1000000 / n, '[{"joy":0.5}]', '{}',
        (100 + n / 500)::text::xid8, (100 + n / 500)::text::xid8
    FROM generate_series(%(first)s::int, %(last)s::int) AS n
"""
# One of fifty: more than are looked up by their names, in a large node.
_RETIRE = """
    INSERT INTO memory_app_retirement (memory, name)
    SELECT memory, name FROM memory_app_pattern WHERE memory = %(memory)s AND get_byte(name, 0) < 5
"""
_BUILD = "CREATE INDEX CONCURRENTLY pattern_frequency ON memory_app_pattern ((memory + 0), frequency, name)"
_SIZE = "SELECT pg_relation_size('pattern_frequency'), count(*) FROM memory_app_pattern"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.browsing", description=__doc__)
    parser.add_argument("--patterns", type=int, default=PATTERNS, help=f"of the large node ({PATTERNS})")
    options = parser.parse_args()
    with own_database() as connection:
        for node, patterns in (("small", 1000), ("large", options.patterns)):
            _fill(connection, node, patterns)
        _browsing(connection)
        _learning(connection)


def _fill(connection: psycopg.Connection, node: str, patterns: int) -> None:
    memory = fill_node(connection, node, _FILL, patterns)
    connection.execute(_RETIRE, {"memory": memory})
    connection.execute("VACUUM ANALYZE memory_app_pattern, memory_app_retirement")


# Pages ---------------------------------------------------------------------------------------------------------------


def _browsing(connection: psycopg.Connection) -> None:
    from memory_app.reads.browsing import Order, Wanted

    print(f"Pages of {LIMIT} patterns: PostgreSQL's and this process's CPU together, and the elapsed time, in ms")
    print(f"{'node':>8}{'order':>12}{'filter':>14}{'page':>8}{'CPU':>8}{'waited':>8}")
    filters: dict[str, dict[str, Any]] = {
        "": {},
        "a…": {"prefix": "a"},
        "abcd…": {"prefix": "abcd"},
        "retired": {"retired": True},
        "not retired": {"retired": False},
    }
    for node in ("small", "large"):
        for order in Order:
            for name, chosen in filters.items():
                wanted = Wanted(order=order, **chosen)
                for where, share in (("first", 0.0), ("middle", 0.5), ("last", 0.999)):
                    cpu, waited = _pages(node, wanted, _cursor(connection, node, wanted, share))
                    print(f"{node:>8}{order:>12}{name:>14}{where:>8}{cpu:>8.1f}{waited:>8.1f}", flush=True)


def _pages(node: str, wanted: "Wanted", after: "Cursor") -> tuple[float, float]:
    """CPU and elapsed milliseconds of a page."""
    from memory_app.reads import browsing

    times = []
    backend = _backend()
    before = _cpu(backend)
    for number in range(PAGES + 1):
        if number == 1:  # the first reads from the disk
            before = _cpu(backend)
        began = time.perf_counter()
        browsing.page(node, wanted, after=after, limit=LIMIT)
        times.append(time.perf_counter() - began)
    return (_cpu(backend) - before) / PAGES * 1000, median(times[1:]) * 1000


def _cursor(connection: psycopg.Connection, node: str, wanted: "Wanted", share: float) -> "Cursor":
    """After so many patterns in the order, found the slow way."""
    from memory_app.reads import browsing, nodes

    memory = nodes.find(node).memory
    key = "changed" if wanted.order == "newest" else "frequency"
    query = f"""
        SELECT {key}::text, encode(name, 'hex') FROM memory_app_pattern WHERE memory = %(memory)s
        ORDER BY {key} DESC, name DESC LIMIT 1 OFFSET (
            SELECT (count(*) * %(share)s)::int FROM memory_app_pattern WHERE memory = %(memory)s)
    """
    row = connection.execute(query, {"memory": memory, "share": share}).fetchone()
    assert row is not None
    return browsing.Cursor(wanted.order, memory, int(row[0]), row[1])


def _backend() -> psutil.Process:
    from django.db import connection

    connection.ensure_connection()
    assert connection.connection is not None
    return psutil.Process(connection.connection.info.backend_pid)


def _cpu(backend: psutil.Process) -> float:
    return sum(backend.cpu_times()[:2]) + time.process_time()


# Learning ------------------------------------------------------------------------------------------------------------


def _learning(connection: psycopg.Connection) -> None:
    print(f"\nA learn into the large node, of one pattern in one transaction: CPU in µs, the median of {ROUNDS} rounds")
    figures: dict[str, list[float]] = {}
    built: list[float] = []
    for number in range(ROUNDS):
        # In both orders, because a round leaves the next one a table that is warm, and longer.
        for name in ("without", "with") if number % 2 else ("with", "without"):
            connection.execute("DROP INDEX IF EXISTS pattern_frequency")
            if name == "with":
                began = time.perf_counter()
                connection.execute(_BUILD)
                built.append(time.perf_counter() - began)
            connection.execute("VACUUM ANALYZE memory_app_pattern")
            connection.execute("CHECKPOINT")
            numbers = _numbers()
            for kind in ("new", "again"):
                figures.setdefault(f"{kind} {name}", []).append(_learn(numbers))
    for kind in ("new", "again"):
        old, new = (median(figures[f"{kind} {name}"]) for name in ("without", "with"))
        print(f"{kind:>8}{old:>10.0f} without the index{new:>10.0f} with it   ratio {new / old:.3f}", flush=True)
    [(size, patterns)] = connection.execute(_SIZE).fetchall()
    print(f"The index is built in {median(built):.1f} s, and takes {size / patterns:.0f} bytes a pattern")


def _numbers() -> range:
    first = time.time_ns()
    return range(first, first + LEARNS)


def _learn(numbers: range) -> float:
    from django.db import transaction

    from engine.lesson import prepare_lesson
    from memory_app.operations.patterns import learn

    lessons = [prepare_lesson([[f"n{number}", f"of {number % 1000}"], ["all"]]) for number in numbers]
    backend = _backend()
    before = _cpu(backend)
    for one in lessons:
        assert one is not None
        with transaction.atomic():
            learn(node_id="large", lessons=[one], persistence=5)
    return (_cpu(backend) - before) / len(lessons) * 1e6


if __name__ == "__main__":
    main()
