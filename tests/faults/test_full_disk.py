"""A full disk: reads go on, writes are 503 and say why, no process ends, operators see it, and all ends by itself."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import psycopg
import pytest
import redis as client_of_redis

from benchmarks.stack import WebServer, eventually
from benchmarks.stack.small_disk import SmallDisk, small_disk
from benchmarks.stack.up import Service
from foundation.disk import READ_ONLY_REMEDY, REMEDY, problem_of
from katoproject.configuration.locations import postgres_url, redis_url
from katoproject.launcher import processes, redis
from tests.support.commands import process
from tests.support.connections import fresh_connections, from_every_process
from tests.support.jobs import train
from tests.support.readiness import part
from tests.support.sessions import create_session, observe
from tests.support.small_disk import needs_mounts

pytestmark = [needs_mounts, pytest.mark.long]

SHOWN = 15.0  # seconds within which operators see it


@pytest.fixture(scope="module")
def disk(folder: Path) -> Iterator[SmallDisk]:
    with small_disk(folder / "disk", megabytes=60) as made:
        yield made


def on(disk: SmallDisk) -> dict[str, str]:
    """For processes that count, log and have their temporary files on the disk. Their stores are elsewhere."""
    data = Path(os.environ["KATO_DATA_DIR"])
    return {
        "DATABASE_URL": postgres_url(data),
        "REDIS_URL": redis_url(data),
        "KATO_DATA_DIR": str(disk.place / "data"),
        "TMPDIR": str(disk.place),
        "LOG_OUTPUT": "file",
        "METRICS_CACHE_TTL_SECONDS": "0",
    }


@pytest.fixture(scope="module")
def counting(disk: SmallDisk) -> Iterator[WebServer]:
    with WebServer(workers=2, **on(disk)) as running:
        yield running


def counted_reads(server: WebServer) -> int:
    with fresh_connections(server.url) as client:
        return int(client.get("/metrics").json()["performance"]["total_requests"])


def test_counting_on_a_full_disk_ends_no_process_and_counts_on(counting: WebServer, disk: SmallDisk) -> None:
    with fresh_connections(counting.url) as client:
        session_id = create_session(client, "counted")
        assert part(counting.url, "disk")["error"] is None
        first, second = counting.worker_pids
        before = counted_reads(counting)
        disk.fill()
        try:
            # Its successor begins without a place to count.
            os.kill(first, signal.SIGKILL)
            eventually(lambda: counting.worker_pids[0] == second and len(counting.worker_pids) == 2, "a new process")
            eventually(counting.all_workers_answer, "both answer", seconds=30)
            begun = counting.worker_pids
            for path in ("stm", "percept-data", "cognition-data", "predictions", "exists", "nothing"):  # new series
                for _ in range(6):
                    client.get(f"/sessions/{session_id}/{path}")
                    assert client.get("/health").status_code == 200
                    assert client.post("/sessions", json={"node_id": "counted"}).status_code == 200
            assert counting.worker_pids == begun, "none was ended"
            for ready in from_every_process(counting.url, "/health/ready", workers=2).values():
                assert ready["ready"] is True
                assert f"the disk of {disk.place}" in ready["parts"]["disk"]["error"]
                assert "is full (0 MB left); free some space" in ready["parts"]["disk"]["error"]
            assert client.get("/metrics-prom").status_code == 200
        finally:
            disk.free()
        eventually(lambda: part(counting.url, "disk")["error"] is None, "it is well again by itself")
        # What was counted meanwhile was not lost.
        eventually(lambda: counted_reads(counting) > before + 6 * 6 * 3, "the counts appear")
        numbers = [counted_reads(counting) for _ in range(20)]
        assert numbers == list(range(numbers[0], numbers[0] + 20)), "each process sees the counts of both again"


def test_a_disk_is_named_with_what_helps(folder: Path) -> None:
    with small_disk(folder / "named", megabytes=1) as disk:
        assert problem_of(disk.place) is None
        disk.fill()
        assert problem_of(disk.place) == (f"the disk of {disk.place} is full (0 MB left)", REMEDY)
        disk.remount("ro")
        assert problem_of(disk.place) == (f"{disk.place} is on a file system that is read-only", READ_ONLY_REMEDY)


@pytest.mark.exhaustive
def test_a_read_only_disk_is_named_and_harmless(folder: Path) -> None:
    """Also for processes that start on it: without counters that others see, and without a log."""
    with small_disk(folder / "read-only", megabytes=60) as disk:
        web = WebServer(workers=1, **on(disk))
        web.prepare()
        disk.remount("ro")
        web.start()
        try:
            with httpx.Client(base_url=web.url, timeout=10) as client:
                session_id = create_session(client, "read-only")
                assert observe(client, session_id, "a").status_code == 200
                assert client.get("/metrics-prom").status_code == 200
                error = part(web.url, "disk")["error"]
                assert error is not None
                assert f"{disk.place}/data/monitoring/{web.port} is on a file system that is read-only" in error
                disk.remount("rw")
                eventually(lambda: part(web.url, "disk")["error"] is None, "it is well again by itself")
                eventually(lambda: "kato_observations_total 1.0" in client.get("/metrics-prom").text, "it counts")
        finally:
            web.stop()


@pytest.fixture(scope="module")
def whole(folder: Path) -> Iterator[tuple[Service, SmallDisk]]:
    """`manage.py up` with everything on one small disk: PostgreSQL, counters, logs."""
    with small_disk(folder / "whole", megabytes=600) as made:
        service = Service(made.place)
        try:
            service.start()
            yield service, made
        finally:
            if service.is_running:
                service.stop()


LARGE = {"observations": [{"strings": ["x" * 2000]}] * 50}


def refused(client: httpx.Client, session_id: str) -> Callable[[], bool]:
    """Whether a large write is refused, with the reason; PostgreSQL still finds some place for small ones."""

    def is_refused() -> bool:
        response = client.post(f"/sessions/{session_id}/observe-sequence", json=LARGE)
        if response.status_code == 200:
            return False
        assert response.status_code == 503, response.text
        assert response.headers["Retry-After"] == "1"
        assert "its disk is full" in response.json()["detail"]
        return True

    return is_refused


@pytest.mark.exhaustive
def test_reads_go_on_and_writes_say_why(whole: tuple[Service, SmallDisk]) -> None:
    service, disk = whole
    with httpx.Client(base_url=service.url(), timeout=20) as client:
        session_id = create_session(client, "node")
        observe(client, session_id, "a")
        stm = client.get(f"/sessions/{session_id}/stm").json()
        other = create_session(client, "node")
        disk.fill()
        try:
            eventually(refused(client, other), "a write is refused")
            assert client.get(f"/sessions/{session_id}/stm").json() == stm
            assert client.get(f"/sessions/{session_id}/predictions").status_code == 200
            assert client.get("/health").status_code == 200
            eventually(lambda: "is full" in (part(service.url(), "disk")["error"] or ""), "readiness", seconds=SHOWN)
            doctor = process("doctor", "--json", **service.environment())
            [finding] = [one for one in json.loads(doctor.out)["findings"] if one["check"] == "data folder"]
            assert finding["verdict"] == "problem"
            assert "is full" in finding["found"]
            assert f'kato_disk_writable{{place="{service.data}"}} 0.0' in client.get("/metrics-prom").text
        finally:
            disk.free()
        eventually(lambda: observe(client, session_id, "b").status_code == 200, "writes are accepted again")
        eventually(lambda: part(service.url(), "disk")["error"] is None, "readiness is well")


@pytest.mark.exhaustive
def test_postgresql_that_ended_for_want_of_space_is_started_until_it_runs(whole: tuple[Service, SmallDisk]) -> None:
    """Its recovery needs 16 MB: the first time it gets the reserve, after that it is tried until there is space."""
    service, disk = whole
    with httpx.Client(base_url=service.url(), timeout=20) as client:
        session_id = create_session(client, "node")
        observe(client, session_id, "a")

        def is_read() -> bool:
            return client.get(f"/sessions/{session_id}/stm").status_code == 200

        for with_reserve in (True, False):
            disk.fill()
            end_for_want_of_space(service)
            if with_reserve:
                eventually(is_read, "it runs again, and reads go on", seconds=60)
            else:
                eventually(lambda: service.output.count("the disk of ") > 8, "it is tried again and again", seconds=60)
                assert service.is_running
                assert client.get("/health").status_code == 200
                assert client.get(f"/sessions/{session_id}/stm").status_code == 503
            disk.free()
            eventually(is_read, "it runs again", seconds=60)
            assert observe(client, session_id, "b").status_code == 200


def end_for_want_of_space(service: Service) -> None:
    """Write so much into the log that PostgreSQL needs another piece of it, which is a PANIC."""
    sixty_times = "SELECT pg_logical_emit_message(false, 'test', repeat('x', 1000000)) FROM generate_series(1, 60)"
    url = postgres_url(service.data)
    with psycopg.connect(url, autocommit=True) as connection, pytest.raises(psycopg.OperationalError):
        connection.execute(sixty_times)


@pytest.mark.exhaustive
def test_a_redis_that_cannot_save_is_named_and_only_costs_time(folder: Path) -> None:
    """It then refuses all writes (stop-writes-on-bgsave-error): of the cache, and messages about jobs."""
    with small_disk(folder / "redis", megabytes=250) as disk:
        data = disk.place / "data"
        program = redis.program(data)
        saving = replace(program, command=[*program.command, "--save", "1 1"])
        stores = {"DATABASE_URL": postgres_url(Path(os.environ["KATO_DATA_DIR"])), "REDIS_URL": redis_url(data)}
        running = processes.start(saving)
        try:
            with (
                WebServer(workers=1, **stores) as web,
                httpx.Client(base_url=web.url, timeout=10) as client,
                client_of_redis.Redis.from_url(redis_url(data)) as store,
            ):
                session_id = create_session(client, "node")
                assert part(web.url, "redis")["error"] is None
                disk.fill()
                eventually(
                    lambda: "MISCONF" in (part(web.url, "redis")["error"] or ""),
                    "its next snapshot fails",
                    seconds=SHOWN,
                )
                assert observe(client, session_id, "a").status_code == 200
                assert client.get(f"/sessions/{session_id}/predictions").status_code == 200
                assert train(client, "node", [[["a"], ["b"]]])["state"] == "waiting"
                doctor = process("doctor", "--json", **stores)
                [finding] = [one for one in json.loads(doctor.out)["findings"] if one["check"] == "redis"]
                assert "cannot save to its disk" in finding["found"]
                disk.free()
                store.bgsave()
                eventually(lambda: part(web.url, "redis")["error"] is None, "it is well again by itself")
        finally:
            processes.stop(saving, running)
