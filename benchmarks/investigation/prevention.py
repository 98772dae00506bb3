"""What this service does to prevent a second incident, each shown by doing it."""

import asyncio
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from benchmarks.baseline.process import BaselineProcess, running
from benchmarks.investigation import libraries
from benchmarks.investigation.findings import Table
from benchmarks.investigation.names import IPV4, IPV6
from benchmarks.investigation.servers import STRANGER, manage, recording
from katoproject.configuration.environment import PROJECT_DIR
from katoproject.diagnosis.remote import Answer, BaseUrl, Connection
from katoproject.launcher.loopback import relay

# Documents that are about the name itself; readers copy URLs from the others.
ABOUT_THE_NAME = ("investigation.md", "commands.md")


def shown(folder: Path, redis_url: str, port: int) -> Table:
    """`port`: the port of this service at 127.0.0.1."""
    table = Table("prevention")
    for address, said in _started_beside_strangers(folder, redis_url).items():
        done = f"`manage.py up` while another program has the port at {address}"
        table.add(done, "refuses, and says who is there", said, f"already taken on {address}" in said)
    exit_status, said = _examined_beside_a_stranger(folder, redis_url, port)
    holds = exit_status == 1 and f"answers on [{IPV6}]" in said
    table.add(f"`manage.py doctor` while another program is at {IPV6}, beside the service", "names it", said, holds)
    with _relayed(port):
        sent = libraries.by_aiohttp(f"http://localhost:{port}", libraries.create_sessions(f"http://127.0.0.1:{port}"))
        fine = sum(one.status == 200 for one in sent)
        table.add_equal("this service, aiohttp, fifty at once to `localhost`", "50 of 50", f"{fine} of 50")
        url = BaseUrl("http", "localhost", port, "")
        programs = {_answer(url, address, "/health").program for address in (IPV6, IPV4)}
        holds = len(programs) == 1 and all(program.startswith("kato-django/") for program in programs)
        table.add("who answers at ::1 and at 127.0.0.1", "one program, by name", " and ".join(programs), holds)
    url = BaseUrl("http", "127.0.0.1", port, "")
    no_route, no_session = _answer(url, IPV4, "/no/such/route"), _answer(url, IPV4, "/sessions/never-created/stm")
    table.add_equal("404 for a route that does not exist", '{"detail": "Not Found"}', json.dumps(no_route.body))
    error = no_session.body["error"]
    found = f"{error['code']}, {error['session_id']}"
    table.add_equal("404 for a session that does not exist", "SESSION_NOT_FOUND, never-created", found)
    table.add_equal("URLs with the name `localhost` in documents and compose files", 0, len(_urls_with_the_name()))
    return table


def _started_beside_strangers(folder: Path, redis_url: str) -> dict[str, str]:
    """The message of `manage.py up` when another program has its port, by the address of that program."""
    record = recording(folder / "stranger.requests")
    strangers = {
        address: BaselineProcess(redis_url, app=STRANGER, hosts=(address,), environment=record)
        for address in (IPV4, IPV6)
    }

    def start(port: int) -> str:
        done = manage("up", KATO_DATA_DIR=str(folder / f"refused-{port}"), PORT=str(port))
        said = done.stderr.strip().splitlines()[-1].replace(str(port), "…")
        return said.partition(". ")[0] if done.returncode else "it starts"

    with running(*strangers.values()), ThreadPoolExecutor(len(strangers)) as pool:
        return dict(zip(strangers, pool.map(start, [one.port for one in strangers.values()]), strict=True))


def _examined_beside_a_stranger(folder: Path, redis_url: str, port: int) -> tuple[int, str]:
    """The exit status of `manage.py doctor` and its findings about the port."""
    record = recording(folder / "stranger.requests")
    with running(BaselineProcess(redis_url, app=STRANGER, hosts=(IPV6,), port=port, environment=record)):
        done = manage("doctor", "--json", PORT=str(port))
    said = [one["found"] for one in json.loads(done.stdout)["findings"] if one["check"] == "port"]
    return done.returncode, "; ".join(said).partition(": ")[0].replace(str(port), "…")


@contextmanager
def _relayed(port: int) -> Iterator[None]:
    """Inside the block the service is reachable at ::1 as well, as with `manage.py up`."""
    loop, running, done = asyncio.new_event_loop(), threading.Event(), asyncio.Event()

    async def run() -> None:
        async with relay(port):
            running.set()
            await done.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    try:
        assert running.wait(10), "the relay did not start"
        yield
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join()
        loop.close()


def _answer(url: BaseUrl, address: str, path: str) -> Answer:
    connection = Connection(url, address)
    try:
        return connection.request("GET", path)
    finally:
        connection.close()


def _urls_with_the_name() -> list[str]:
    files = [PROJECT_DIR / name for name in ("README.md", "docker-compose.yml", "Dockerfile")]
    files += sorted({*PROJECT_DIR.glob("docs/*.md"), *PROJECT_DIR.glob("clients/*/README.md")})
    lines = [line for file in files if file.name not in ABOUT_THE_NAME for line in file.read_text().splitlines()]
    return [line for line in lines if "//localhost" in line]
