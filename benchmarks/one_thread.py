"""A process that serves requests in one thread and says what each cost: two of them take turns in a comparison.

They do not share more than the machine and its stores, so that other load on it affects both alike. CPU is that of the
process and of its PostgreSQL server process together, to the nanosecond.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parent.parent
REQUESTS = 100
EVENTS = ["kettle", "boil", "tea"]

Cost = tuple[float, float]  # µs of a request: of the process, and of PostgreSQL
Scenario = Callable[[], object]


class Server:
    """One process with one thread. `checkout`: the folder of the release that it runs."""

    def __init__(
        self, data: Path, *, access: str = "open", checkout: Path = PROJECT, profile: str | None = None
    ) -> None:
        options = [f"--profile={profile}"] if profile else []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.one_thread", str(checkout), str(data), access, *options],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.scenarios: list[str] = self._ask("")

    def cost(self, scenario: str, *, requests: int = REQUESTS) -> Cost:
        """The mean of so many requests."""
        web, postgresql = self._ask(f"{requests} {scenario}")
        return web, postgresql

    def _ask(self, question: str) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(question, file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())

    def end(self) -> None:
        self._process.communicate()


def pairs(
    first: Server, second: Server, scenario: str, *, rounds: int, requests: int = REQUESTS
) -> list[tuple[Cost, Cost]]:
    """What the scenario cost both in each pair of rounds. Each server is first in half of the pairs."""
    for server in (first, second):
        server.cost(scenario)  # warm
    found = []
    for number in range(rounds):
        order = (first, second) if number % 2 else (second, first)
        costs = {server: server.cost(scenario, requests=requests) for server in order}
        found.append((costs[first], costs[second]))
    return found


# In the process ------------------------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.one_thread", description=__doc__)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("access", choices=("open", "keys"))
    parser.add_argument("--profile")
    options = parser.parse_args()
    # Before the modules of this checkout, which this process has not imported yet, except those of `benchmarks`.
    sys.path.insert(0, str(options.checkout))
    scenarios = _scenarios(options.data, options.access)
    profiler: Any = None
    if options.profile:
        import cProfile

        profiler = cProfile.Profile()
    for line in sys.stdin:
        requests, _, name = line.strip().partition(" ")
        if not name:
            print(json.dumps(list(scenarios)), flush=True)
            continue
        if profiler:
            profiler.enable()
        cost = _cost(scenarios[name], int(requests))
        if profiler:
            profiler.disable()
        print(json.dumps(cost), flush=True)
    if profiler:
        profiler.dump_stats(options.profile)


def _scenarios(data: Path, access: str) -> dict[str, Scenario]:
    from benchmarks.load import create, observe
    from benchmarks.monitoring import prepared
    from foundation.metrics import folder as metrics
    from katoproject.configuration.locations import postgres_url, redis_url

    os.environ |= {
        "KATO_DATA_DIR": str(data),
        "DATABASE_URL": postgres_url(data),
        "REDIS_URL": redis_url(data),
        "KATO_ACCESS": access,
        "LOG_LEVEL": "WARNING",
        "LOG_OUTPUT": "stderr",  # its standard output says what requests cost
        metrics.VARIABLE: str(metrics.empty_folder(data, os.getpid())),
    }
    send = prepared(data, **_authorization(access))
    session = json.loads(send("POST", "/sessions", create().body.encode()))["session_id"]
    for _ in range(2):
        for event in EVENTS:
            send("POST", f"/sessions/{session}/observe", json.dumps({"strings": [event]}).encode())
        send("POST", f"/sessions/{session}/learn", b"")
    for event in EVENTS[:2]:
        send("POST", f"/sessions/{session}/observe", json.dumps({"strings": [event]}).encode())
    observed = json.loads(send("POST", "/sessions", create().body.encode()))["session_id"]
    body, new = observe(observed, {"strings": ["kettle"]}).body.encode(), create().body.encode()
    return {
        "observe": lambda: send("POST", f"/sessions/{observed}/observe", body),
        "read an STM": lambda: send("GET", f"/sessions/{session}/stm", b""),
        "predictions": lambda: send("GET", f"/sessions/{session}/predictions", b""),
        "create": lambda: send("POST", "/sessions", new),
        "routing only": lambda: send("GET", "/sessions/test/x", b""),
    }


def _authorization(access: str) -> dict[str, str]:
    """The header of a new key that is bound to nodes, as part of an environ; nothing where none is needed."""
    if access == "open":
        return {}
    from django.core.management import call_command

    from katoproject.server.wsgi import application  # noqa: F401  sets Django up

    call_command("migrate", verbosity=0)
    from access_app import operations
    from foundation.callers import Scope

    issued = operations.create(name="bench", scopes=[Scope.READ, Scope.WRITE], nodes=["bench", "shop-"])
    return {"HTTP_AUTHORIZATION": f"Bearer {issued.token}"}


def _cost(scenario: Scenario, requests: int) -> Cost:
    from django.db import connection

    postgresql = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat")
    before, begun = _nanoseconds(postgresql), time.process_time()
    for _ in range(requests):
        scenario()
    web = time.process_time() - begun
    return web / requests * 1e6, (_nanoseconds(postgresql) - before) / requests / 1e3


def _nanoseconds(schedstat: Path) -> int:
    return int(schedstat.read_text().split()[0])


if __name__ == "__main__":
    main()
