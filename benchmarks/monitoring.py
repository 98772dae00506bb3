"""`python -m benchmarks.monitoring`: what counting and logging add to a request, in µs.

One thread calls the WSGI application in turn without either, with counting, and with counting and logging, so that
other load on the machine affects all three alike. Times are CPU of this process, without PostgreSQL's.
"""

import io
import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.load import create, observe
from benchmarks.stack import Stores, temporary_folder
from katoproject.configuration.locations import postgres_url, redis_url

ROUNDS, REQUESTS = 60, 150

Send = Callable[[str, str, bytes], bytes]


def main() -> None:
    with temporary_folder() as folder:
        from foundation.metrics import folder as monitoring

        os.environ |= {
            "KATO_DATA_DIR": str(folder),
            "DATABASE_URL": postgres_url(folder),
            "REDIS_URL": redis_url(folder),
            "LOG_OUTPUT": "stderr",
            "LOG_FORMAT": "json",
            monitoring.VARIABLE: str(monitoring.empty_folder(folder, 0)),
        }
        with Stores(folder, private=True):
            measure(prepared(folder))


def prepared(folder: Path, **more: str) -> Send:
    """The application on a new database, as a function from method, path and body to the body of the response.

    `more`: of the environ of every request.
    """
    from django.core.management import call_command

    from katoproject.server.wsgi import application  # reads the environment

    call_command("migrate", verbosity=0)

    def send(method: str, path: str, body: bytes = b"") -> bytes:
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)),
            "SERVER_NAME": "bench",
            "SERVER_PORT": "80",
            "wsgi.input": io.BytesIO(body),
            **more,
        }
        statuses: list[str] = []
        answer = b"".join(application(environ, lambda status, _: statuses.append(status)))
        assert statuses[0].startswith("200"), answer
        return answer

    return send


def measure(send: Send) -> None:
    session = json.loads(send("POST", "/sessions", create().body.encode()))["session_id"]
    scenarios = {
        "routing only": ("GET", "/sessions/test/x", b""),
        "read an STM": ("GET", f"/sessions/{session}/stm", b""),
        "observe": ("POST", f"/sessions/{session}/observe", observe(session, {"strings": ["kettle"]}).body.encode()),
    }
    print("| request | neither µs | counting adds µs | ratio | logging adds µs | ratio |\n|---|---|---|---|---|---|")
    for name, scenario in scenarios.items():
        rounds = [[_cost(send, scenario, one) for one in (uncounted, unlogged, ExitStack)] for _ in range(ROUNDS)]
        # The best of many short rounds, because other programs can only slow a round down.
        neither, counted, both = (min(costs) for costs in zip(*rounds, strict=True))
        print(
            f"| {name} | {neither:.1f} | {counted - neither:.1f} | {counted / neither:.2f} "
            f"| {both - counted:.1f} | {both / counted:.2f} |",
            flush=True,
        )


def _cost(send: Send, scenario: tuple[str, str, bytes], surroundings: Callable[[], Any]) -> float:
    with surroundings():
        begun = time.process_time()
        for _ in range(REQUESTS):
            send(*scenario)
        return (time.process_time() - begun) / REQUESTS * 1e6


@contextmanager
def unlogged() -> Iterator[None]:
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


@contextmanager
def uncounted() -> Iterator[None]:
    """Inside the block every counter does nothing, and nothing is logged."""
    from foundation.metrics import requests
    from foundation.postgresql.statements import Store
    from katoproject.server import middleware
    from sessions_app import counters

    class Nothing:
        def observe(self, amount: float) -> None: ...
        def inc(self, amount: float = 1) -> None: ...
        def enter(self) -> None: ...
        def leave(self) -> None: ...

    nothing = Nothing()
    with ExitStack() as patches:
        patches.enter_context(unlogged())
        for target, name, instead in (
            (middleware, "board", nothing),
            (requests, "count", lambda *_: None),
            (Store, "_durations", nothing),
            (Store, "_errors", nothing),
            (counters, "_observations", nothing),
        ):
            patches.enter_context(patch.object(target, name, instead))
        yield


if __name__ == "__main__":
    main()
