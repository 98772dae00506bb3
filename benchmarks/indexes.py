"""`python -m benchmarks.indexes [--full] [--patterns N]`: building, sharing and scanning the index of a large node.

A million patterns take about two minutes; `--full` measures ten million, and ten thousand builds, and takes twenty
minutes. Each row has its target. Exit status 1 if one is missed.
"""

import argparse
import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.own_database import fill_node, own_database

PATTERNS, MANY = 1_000_000, 10_000_000
PROCESSES = 4
NODES, MANY_NODES = 20_000, 100_000
BUILDS, MANY_BUILDS = 300, 10_000
NODE, DROPPED = "large", "dropped"
DROPPED_PATTERNS = 60_000  # so many have a file

# Names without order; eight symbols in six events, of which some are much more frequent than others.
_FILL = """
    INSERT INTO memory_app_pattern (memory, name, events, length, frequency, emotives, metadata, created, changed)
    SELECT %(memory)s, decode(md5(n::text) || left(md5((-n)::text), 8), 'hex'),
        format('[["s%%s"],["s%%s","t%%s"],["s%%s"],["s%%s"],["s%%s","t%%s"],["s%%s"]]',
            (5000 * random() ^ 3)::int, (5000 * random() ^ 3)::int, (5000 * random() ^ 3)::int,
            (5000 * random() ^ 3)::int, (5000 * random() ^ 3)::int, (5000 * random() ^ 3)::int,
            (5000 * random() ^ 3)::int, (5000 * random() ^ 3)::int)::json,
        8, 1, '[]', '{}', (100 + n / 500)::text::xid8, (100 + n / 500)::text::xid8
    FROM generate_series(%(first)s::int, %(last)s::int) AS n
"""
_STM = [["s1"], ["s40", "t300"], ["s7"], ["s2000"]]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.indexes", description=__doc__)
    parser.add_argument("--patterns", type=int, metavar="N", help=f"of the node ({PATTERNS:,}; {MANY:,} with --full)")
    parser.add_argument("--full", action="store_true", help="ten million patterns, and ten thousand builds")
    parser.add_argument("--process", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.process:
        return _serve()
    patterns = options.patterns or (MANY if options.full else PATTERNS)
    with own_database(KATO_INDEX_MEMORY_MB="8192") as connection:
        connection.execute("SELECT setseed(0.5)")
        fill_node(connection, NODE, _FILL, patterns)
        fill_node(connection, DROPPED, _FILL, DROPPED_PATTERNS)
        connection.execute("VACUUM ANALYZE memory_app_pattern")
        rows = Rows()
        _build(rows, patterns)
        _processes(rows, patterns)
        _threads(rows, patterns)
        _many_nodes(rows, MANY_NODES if options.full else NODES)
        _drops(rows, MANY_BUILDS if options.full else BUILDS)
    return rows.missed


class Rows:
    """Prints each figure beside its target."""

    def __init__(self) -> None:
        self.missed = 0

    def add(self, what: str, value: float, unit: str, *, most: float | None = None, least: float | None = None) -> None:
        holds = (most is None or value <= most) and (least is None or value >= least)
        self.missed |= not holds
        target = "" if most is least is None else f"{'at most' if most is not None else 'at least'} {most or least:,g}"
        print(f"{what:<62}{value:>12,.3g} {unit:<10}{target:<20}{'' if holds else 'MISSED'}", flush=True)


def _build(rows: Rows, patterns: int) -> None:
    """All of it: the table is read, the file is written and mapped."""
    from engine.warm import warm
    from memory_app.content import Content
    from memory_app.node_index import NodeIndex

    warm()
    index = NodeIndex(NODE)
    began, used = time.perf_counter(), time.process_time()
    view = index.follow().view
    took, used = time.perf_counter() - began, time.process_time() - used
    assert len(view) == patterns
    rows.add("build, file included, elapsed", patterns / took, "patterns/s")
    rows.add("build, file included, CPU of this process", patterns / used, "patterns/s", least=400_000)
    rows.add("memory of the index", index.content.size / patterns, "B/pattern", most=140)
    began, used = time.perf_counter(), time.process_time()
    content = Content.beginning(_changes())
    while content.unread_after is not None:
        content.read_page()
    took, used = time.perf_counter() - began, time.process_time() - used
    rows.add("reading the table alone, elapsed", patterns / took, "patterns/s", least=400_000)
    rows.add("reading the table alone, CPU of this process", patterns / used, "patterns/s")


def _changes() -> Any:
    from memory_app import feed

    found = feed.read_changes(NODE, memory=-1, horizon="1")
    assert found is not None
    return found


# Processes -----------------------------------------------------------------------------------------------------------


def _processes(rows: Rows, patterns: int) -> None:
    command = [sys.executable, "-m", "benchmarks.indexes", "--process"]
    with ExitStack() as opened:
        running = [
            opened.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
            for _ in range(PROCESSES)
        ]
        before = [_ask(one)["pss"] for one in running]
        firsts = [_ask(one)["seconds"] for one in running]
        after = [_ask(one, "pss")["pss"] for one in running]
        for one in running:
            assert one.stdin is not None
            one.stdin.close()
    limit = 0.4 if patterns <= PATTERNS else 1.0
    rows.add("first prediction after a restart, the slowest of four processes", max(firsts), "s", most=limit)
    from memory_app.node_index import NodeIndex

    index = NodeIndex(NODE)
    index.follow()
    taken = sum(after) - sum(before)
    rows.add("memory of four processes (PSS) by that of one index", taken / index.content.size, "×", most=1.3)


def _ask(process: "subprocess.Popen[str]", command: str = "go") -> dict[str, float]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(command + "\n")
    process.stdin.flush()
    answer: dict[str, float] = json.loads(process.stdout.readline())
    return answer


def _serve() -> int:
    """One web process, as far as predictions go: PSS before, the seconds of the first prediction, PSS after."""
    import django

    django.setup()
    from engine.warm import warm

    warm()
    from memory_app.reads.recall import recall  # noqa: F401  loads what a prediction needs

    gc.collect()
    for number, _ in enumerate(sys.stdin):
        if number == 1:
            began = time.perf_counter()
            _predict()
            print(json.dumps({"seconds": time.perf_counter() - began}), flush=True)
        else:
            print(json.dumps({"pss": _pss()}), flush=True)
    return 0


def _pss() -> int:
    """Bytes of this process, of shared pages its share."""
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no Pss in /proc/self/smaps_rollup")


def _predict(threads: int | None = None) -> float:
    """Elapsed seconds of a prediction, without a cache."""
    from engine.contracts import KATO_3_10
    from engine.predict import predict
    from memory_app.index import indexes

    began = time.perf_counter()
    view = indexes.follow(NODE).view
    found = predict(
        view, _STM, {}, contract=KATO_3_10, emotives=lambda names: {}, threads=threads or os.cpu_count() or 1
    )
    assert found.count > 0
    return time.perf_counter() - began


# Threads, nodes, drops -----------------------------------------------------------------------------------------------


def _threads(rows: Rows, patterns: int) -> None:
    limits = {1: 0.045, 2: 0.030} if patterns <= PATTERNS else {1: None, 2: 0.350}
    used: dict[int, float] = {}
    for threads, most in limits.items():
        _predict(threads)
        before = time.process_time()
        taken = [_predict(threads) for _ in range(15)]
        used[threads] = (time.process_time() - before) / 15
        target = None if most is None else most * 1000
        rows.add(f"prediction, {threads} threads, p50", median(taken) * 1000, "ms", most=target)
    rows.add("CPU of a prediction, two threads by one", used[2] / used[1], "×", most=1.05)


def _many_nodes(rows: Rows, nodes: int) -> None:
    """What a process spends on finding an index, with few and with many."""
    from memory_app.index import Indexes
    from memory_app.node_index import NodeIndex

    def spent(indexes: Indexes) -> float:
        node = NodeIndex("one")
        indexes._nodes["one"] = node
        times = []
        for _ in range(200):
            began = time.perf_counter()
            indexes._account(node)
            times.append(time.perf_counter() - began)
        return median(times)

    few, many = Indexes(2**40), Indexes(2**40)
    for number in range(nodes):
        many._nodes[f"node {number}"] = NodeIndex(f"node {number}")
    rows.add(f"accounting for an index, {nodes:,} held by one held", spent(many) / spent(few), "×", most=1.1)


def _drops(rows: Rows, builds: int) -> None:
    from memory_app.node_index import NodeIndex

    with _flat(rows, "descriptors and mappings after many builds and drops, by before", builds):
        for _ in range(builds):
            NodeIndex(DROPPED).follow()


@contextmanager
def _flat(rows: Rows, what: str, builds: int) -> Iterator[None]:
    def held() -> int:
        gc.collect()
        return len(list(Path("/proc/self/fd").iterdir())) + len(Path("/proc/self/maps").read_text().splitlines())

    before = held()
    yield
    rows.add(f"{what} ({builds:,})", held() / before, "×", most=1.02)


if __name__ == "__main__":
    sys.exit(main())
