"""`python -m benchmarks.vectors`: the cost of neighbours, with and without an index, and of observing vectors."""

import argparse
import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import repeat
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt
import psycopg
from pydantic_core import to_json

from benchmarks.load import Job, Script, create, observe
from benchmarks.services import Ours, ours_alone, tree_cpu
from katoproject.configuration.locations import postgres_url

Vectors = npt.NDArray[np.float64]

DIMENSION = 768
SIZES = (1_000, 10_000, 50_000, 100_000)
OTHER_DIMENSIONS = (3, 384, 1536, 3072)
OTHERS_SIZE = 10_000
QUERIES = 60
OBSERVATIONS = 200


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.vectors", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="up to 10,000 vectors only")
    options = parser.parse_args()
    sizes = [size for size in SIZES if size <= 10_000 or not options.quick]
    with ours_alone() as service:
        os.environ |= {"DATABASE_URL": postgres_url(service.data), "DJANGO_SETTINGS_MODULE": "katoproject.settings"}
        import django

        django.setup()
        _searching(service, sizes, options.quick)
        _observing(service, sizes)


class Source:
    """Vectors in 200 clusters, like embeddings of texts, or without any order, which is the worst case for an index."""

    def __init__(self, dimension: int, *, clustered: bool) -> None:
        self._random = np.random.default_rng(1)
        self._dimension = dimension
        self._centres = self._random.standard_normal((200, dimension)) if clustered else None

    def vectors(self, count: int) -> Vectors:
        noise = self._random.standard_normal((count, self._dimension))
        return noise if self._centres is None else self._centres[self._random.integers(200, size=count)] + 0.3 * noise


def _fill(data: Path, node: str, source: Source, count: int, dimension: int) -> None:
    """Write vectors directly into the tables; learning them is not part of this measurement. The names are random."""
    names = np.random.default_rng(2)
    with psycopg.connect(postgres_url(data), autocommit=True) as connection:
        [memory] = connection.execute(
            "INSERT INTO memory_app_node (node_id, memory) VALUES (%s, nextval('memory_app_memory')) RETURNING memory",
            [node],
        ).fetchone() or (0,)
        connection.execute(
            "INSERT INTO memory_app_vectorspace (memory, dimension) VALUES (%s, %s)", [memory, dimension]
        )
        with connection.cursor().copy("COPY memory_app_vector (memory, name, embedding) FROM STDIN") as copy:
            for start in range(0, count, 1000):
                for vector in source.vectors(min(1000, count - start)):
                    copy.write_row((memory, names.bytes(20), to_json(vector.round(6).tolist()).decode()))
        connection.execute("VACUUM ANALYZE memory_app_vector")


# Searching, in the database alone ------------------------------------------------------------------------------------


def _searching(service: Ours, sizes: list[int], quick: bool) -> None:
    from memory_app import vector_indexes

    print("A search: PostgreSQL's CPU and the elapsed time, in ms (median). With an index: from 50,000 vectors on.")
    head = f"{'vectors':>9}{'dims':>6}{'':>12}{'all: CPU':>10}{'waited':>8}"
    print(f"{head}{'built in s':>12}{'index: CPU':>12}{'waited':>8}{'of 3 found':>12}", flush=True)
    cases = [(size, DIMENSION, True) for size in sizes]
    cases += [] if quick else [(sizes[-1], DIMENSION, False)]
    cases += [(OTHERS_SIZE, dimension, True) for dimension in OTHER_DIMENSIONS]
    for size, dimension, clustered in cases:
        source = Source(dimension, clustered=clustered)
        node = f"{size} {dimension} {clustered}"
        _fill(service.data, node, source, size, dimension)
        queries = source.vectors(QUERIES)
        exact, cpu, waited = _nearest(service, node, queries)
        line = f"{size:>9}{dimension:>6}{'clustered' if clustered else 'unordered':>12}{_ms(cpu):>10}{_ms(waited):>8}"
        if size >= 50_000:
            build = _timed(partial(vector_indexes.maintain, index_from=size))
            found, cpu, waited = _nearest(service, node, queries)
            shared = sum(len(set(one) & set(other)) for one, other in zip(exact, found, strict=True))
            line += f"{build:>12.0f}{_ms(cpu):>12}{_ms(waited):>8}{shared / len(exact):>12.2f}"
        print(line, flush=True)


def _nearest(service: Ours, node: str, queries: Vectors) -> tuple[list[list[str]], float, float]:
    """Neighbours of all queries, CPU seconds of a search, and the median of the elapsed seconds."""
    from engine.vectors import named
    from memory_app.vectors import NodeVectors

    NodeVectors(node).nearest(named(queries[0]))  # the first search reads from the disk
    postgres = service.processes()["postgres"]  # all its processes: a search of many vectors runs in parallel
    before = tree_cpu(postgres)
    answers, times = [], []
    for query in map(named, queries):
        began = time.perf_counter()
        answers.append(NodeVectors(node).nearest(query))
        times.append(time.perf_counter() - began)
    return answers, (tree_cpu(postgres) - before) / len(queries), median(times)


def _timed(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f}"


# Observing, over HTTP ------------------------------------------------------------------------------------------------


def _observing(service: Ours, sizes: list[int]) -> None:
    print(f"\n{'observe, one after another':<52}{'p50 ms':>8}{'p99 ms':>8}")
    cases = [("a string", "new", 0)]
    cases += [(f"a vector of {dimension}, the node has none", f"new {dimension}", dimension) for dimension in (3, 768)]
    cases += [
        (f"a vector of {DIMENSION}, the node has {size:,}", f"{size} {DIMENSION} True", DIMENSION) for size in sizes
    ]
    for name, node, dimension in cases:
        [session] = service.load.run(Job(service.port, [Script([create(node)])])).created
        bodies = _observations(dimension) if dimension else repeat({"strings": ["kettle"]}, OBSERVATIONS)
        steps = [observe(session, body) for body in bodies]
        outcome = service.load.run(Job(service.port, [Script(steps)], seconds=60))
        if outcome.failed:
            raise RuntimeError(f"requests failed: {outcome.statuses}")
        times = sorted(outcome.latencies)
        print(f"{name:<52}{_ms(median(times)):>8}{_ms(times[len(times) * 99 // 100]):>8}", flush=True)


def _observations(dimension: int) -> Iterator[dict[str, Any]]:
    source = Source(dimension, clustered=True)
    for vector in source.vectors(OBSERVATIONS).round(6).tolist():
        yield {"vectors": [vector]}


if __name__ == "__main__":
    main()
