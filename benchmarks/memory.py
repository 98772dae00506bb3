"""`python -m benchmarks.memory`: learning and predicting over HTTP, with two web processes."""

import argparse
import json
import os
import time
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from statistics import median

import psutil
import psycopg

from benchmarks.engine_data import Row, Source
from benchmarks.load import Job, Outcome, Script, Step, create, observe_events, read
from benchmarks.services import Ours, ours_alone
from katoproject.configuration.locations import postgres_url

VOCABULARY, NARROW = 5_000, 40
SIZES = (1_000, 10_000, 100_000)
QUERIES = 100
LEARNERS = 16
PATTERNS_PER_LEARNER = 60
BATCH = 50


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--full", action="store_true", help="also a million patterns")
    options = parser.parse_args()
    sizes = (*SIZES, 1_000_000) if options.full else SIZES
    with ours_alone() as service:
        _learning(service)
        columns = ("patterns", "vocabulary", "p50 ms", "p99 ms", "CPU ms", "cached p50", "MB/process")
        print("\n" + "".join(f"{name:>12}" for name in columns))
        for size in sizes:
            _predicting(service, size, VOCABULARY)
        _predicting(service, 10_000, NARROW)
        _learn_then_predict(service, f"{VOCABULARY}-{sizes[-1]}")
        _index(service.data, sizes[-1])


# Learning ------------------------------------------------------------------------------------------------------------


def _learning(service: Ours) -> None:
    """Patterns of 20 symbols; each learn is a durable transaction of its own, except in the last line."""
    rows = iter(Source(VOCABULARY).rows(5 * LEARNERS * PATTERNS_PER_LEARNER))

    def events() -> list[list[str]]:
        return next(rows)[1]

    def one_by_one(session_id: str) -> list[Step]:
        learn = Step("POST", f"/sessions/{session_id}/learn")
        return [step for _ in range(PATTERNS_PER_LEARNER) for step in (observe_events(session_id, events()), learn)]

    def at_the_end(session_id: str) -> list[Step]:
        return [observe_events(session_id, events(), learn_at_end=True) for _ in range(PATTERNS_PER_LEARNER)]

    def batches(session_id: str) -> list[Step]:
        patterns = [[list(chain(*events())) for _ in range(BATCH)] for _ in range(2)]
        return [observe_events(session_id, batch, learn_after_each=True) for batch in patterns]

    print(f"{'learning':<52}{'patterns/s':>12}{'CPU µs/pattern':>16}")
    for name, steps_of, per_request in (
        ("observe-sequence, then learn (two requests)", one_by_one, 0.5),
        ("observe-sequence with learn_at_end (one request)", at_the_end, 1.0),
        (f"observe-sequence of {BATCH} with learn_after_each", batches, float(BATCH)),
    ):
        outcome, cpu = _play(service, [steps_of(session) for session in service.seed(LEARNERS)])
        patterns = len(outcome.latencies) * per_request
        print(f"{name:<52}{patterns / outcome.seconds:>12.0f}{cpu / patterns * 1e6:>16.0f}", flush=True)


def _play(service: Ours, scripts: list[list[Step]]) -> tuple[Outcome, float]:
    """Run the scripts; return the outcome and the CPU seconds of all processes of the service."""
    before = sum(service.costs().values())
    outcome = service.load.run(Job(service.port, [Script(steps) for steps in scripts], seconds=60))
    if outcome.failed:
        raise RuntimeError(f"requests failed: {outcome.statuses}")
    return outcome, sum(service.costs().values()) - before


# Predicting ----------------------------------------------------------------------------------------------------------


def _fill(data: Path, node: str, rows: list[Row]) -> None:
    """Write patterns directly into the table: learning them is not part of this measurement."""
    with psycopg.connect(postgres_url(data)) as connection:
        [memory] = connection.execute(
            "INSERT INTO memory_app_node (node_id, memory) VALUES (%s, nextval('memory_app_memory')) RETURNING memory",
            [node],
        ).fetchone() or (0,)
        [xid] = connection.execute("SELECT pg_current_xact_id()::text").fetchone() or ("0",)
        with connection.cursor().copy(
            "COPY memory_app_pattern (memory, name, events, length, frequency, emotives, metadata, created, changed) "
            "FROM STDIN"
        ) as copy:
            for name, events, frequency in rows:
                length = sum(map(len, events))
                copy.write_row(
                    (memory, bytes.fromhex(name), json.dumps(events), length, frequency, "[]", "{}", xid, xid)
                )
    with psycopg.connect(postgres_url(data), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE memory_app_pattern")


def _asking_sessions(service: Ours, node: str, queries: list[list[list[str]]]) -> list[str]:
    """Create a session for each query and observe the query in it; return the ids."""
    ids = service.load.run(Job(service.port, [Script([create(node)], len(queries))])).created
    steps = [observe_events(session_id, query) for session_id, query in zip(ids, queries, strict=True)]
    service.load.run(Job(service.port, [Script(steps)]))
    return ids


def _prediction(session_id: str) -> Step:
    return read(session_id, "predictions")


def _resident(service: Ours) -> float:
    """Megabytes per web process."""
    [web] = service.processes()["web"]
    return max(child.memory_info().rss for child in psutil.Process(web).children()) / 1e6


def _quantiles(outcome: Outcome) -> tuple[float, float]:
    times = sorted(outcome.latencies)
    return median(times) * 1000, times[len(times) * 99 // 100] * 1000


def _predicting(service: Ours, size: int, vocabulary: int) -> None:
    source = Source(vocabulary)
    rows = source.rows(size)
    node = f"{vocabulary}-{size}"
    _fill(service.data, node, rows)
    before = _resident(service)
    warm_up = _asking_sessions(service, node, source.queries(rows, 16))
    # So that every process builds its index: connections are spread over the processes, and each script has one.
    _play(service, [[_prediction(session_id)] for session_id in warm_up])
    asking = _asking_sessions(service, node, source.queries(rows, QUERIES))
    first, cpu = _play(service, [[_prediction(session_id) for session_id in asking]])
    again, _ = _play(service, [[_prediction(session_id) for session_id in asking]])
    p50, p99 = _quantiles(first)
    grown = _resident(service) - before
    cpu_ms = cpu / len(asking) * 1000
    print(
        f"{size:>12}{vocabulary:>12}{p50:>12.2f}{p99:>12.2f}{cpu_ms:>12.2f}{_quantiles(again)[0]:>12.2f}{grown:>12.0f}",
        flush=True,
    )


def _learn_then_predict(service: Ours, node: str) -> None:
    """Each session predicts, another one teaches the node, and the session predicts the same again."""
    source = Source(VOCABULARY, seed=2)
    rows = source.rows(QUERIES)
    asking = _asking_sessions(service, node, source.queries(rows, QUERIES))
    [teacher] = _asking_sessions(service, node, [[["x", "y"]]])
    steps = [
        step
        for session_id, row in zip(asking, rows, strict=True)
        for step in (
            _prediction(session_id),
            observe_events(teacher, row[1], learn_at_end=True),
            _prediction(session_id),
        )
    ]
    outcome, _ = _play(service, [steps])
    alone, after = outcome.latencies[0::3], outcome.latencies[2::3]
    added = median(second - first for first, second in zip(alone, after, strict=True))
    print(
        f"\nprediction on {node}: p50 {median(alone) * 1000:.2f} ms; right after a learn into the same node: "
        f"{median(after) * 1000:.2f} ms, for the same question {added * 1000:+.2f} ms"
    )


# The index -----------------------------------------------------------------------------------------------------------


def _index(data: Path, size: int) -> None:
    """Time to build it from the database, and its size in memory."""
    os.environ |= {"DATABASE_URL": postgres_url(data), "DJANGO_SETTINGS_MODULE": "katoproject.settings"}
    import katoproject.server.wsgi  # noqa: F401  sets this process up as a web worker
    from memory_app.node_index import NodeIndex

    build: Callable[[], object] = (node := NodeIndex(f"{VOCABULARY}-{size}")).follow
    began = time.perf_counter()
    build()
    took = time.perf_counter() - began
    number = len(node.content.index.view())
    print(
        f"index of {number} patterns: built at {number / took:.0f} patterns/s, "
        f"{node.content.index.memory_bytes() / number:.0f} bytes per pattern"
    )


if __name__ == "__main__":
    main()
