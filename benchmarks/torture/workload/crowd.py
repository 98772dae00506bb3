"""Who does what: all kinds of clients, in the right proportion."""

from collections.abc import Coroutine, Iterator
from typing import Any

from benchmarks.torture.workload.client import Client, Run
from benchmarks.torture.workload.nodes import Node, use_sequence_jobs, use_training_jobs, use_words
from benchmarks.torture.workload.sessions import (
    CLEARING,
    PLAIN,
    ROLLING,
    WINDOW_LIFE,
    Hot,
    fill_window,
    use_cold,
    use_hot,
)

AT_A_HOT_SESSION = 4
COLD = 14
AT_A_NODE = 3


def crowd(run: Run, size: int) -> Iterator[tuple[Client, Coroutine[Any, Any, None]]]:
    for part in range(size):
        yield from _part(run, f"{part}")


def _part(run: Run, part: str) -> Iterator[tuple[Client, Coroutine[Any, Any, None]]]:
    def one(name: str) -> Client:
        return Client(run, f"{name}{part}")

    for kind, config in (("plain", PLAIN), ("clearing", CLEARING), ("rolling", ROLLING)):
        hot = Hot(f"{kind}{part}", config)
        for number in range(AT_A_HOT_SESSION):
            client = one(f"{kind}{number}-")
            yield client, use_hot(client, hot)
    window = Hot(f"window{part}", PLAIN, life=WINDOW_LIFE)
    for number in range(2):
        client = one(f"window{number}-")
        yield client, fill_window(client, window)
    for number in range(COLD):
        client = one(f"cold{number}-")
        yield client, use_cold(client)
    for name, clears, retires in (
        ("tales", 0.0, 0.0),
        ("stories", 0.0, 0.0),
        ("cleared", 0.01, 0.0),
        ("retired", 0.002, 0.05),
    ):
        node = Node(f"{name}{part}")
        for number in range(AT_A_NODE):
            client = one(f"{name}{number}-")
            yield client, use_words(client, node, clears=clears, retires=retires)
    for number in range(2):
        client = one(f"jobs{number}-")
        yield client, use_sequence_jobs(client)
    trained = Node(f"trained{part}")
    client = one("training-")
    yield client, use_training_jobs(client, trained)
    client = one("pupil-")
    yield client, use_words(client, trained)
