"""A Redis over TLS: cache, broker, readiness and doctor verify its certificate and its name, or do not talk to it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from benchmarks.stack import Worker, eventually, free_port
from katoproject.configuration.environment import PROJECT_DIR
from katoproject.configuration.redis_url import HOW_TO_VERIFY
from katoproject.monitoring.redis_trouble import HAS_NO_TLS, HAS_TLS
from tests.support import commands

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        not (shutil.which("redis-server") and shutil.which("openssl")), reason="no redis-server, openssl"
    ),
]

# What one look at readiness says of each part. It has two seconds, in which a busy machine may not import the clients.
LOOK = """
import django, json; django.setup()
import django_redis.client, kombu.transport.redis
from foundation import background; background.load()
from katoproject.monitoring import readiness
print(json.dumps({name: part.error for name, part in readiness.parts().items()}))
"""


# How many attempts to connect one job makes that the broker does not take.
SEND = """
import django; django.setup()
from foundation.background import BrokerUnavailable, send
from redis.connection import SSLConnection
attempts, connect = [], SSLConnection._connect
SSLConnection._connect = lambda self: attempts.append(self.socket_timeout) or connect(self)
try:
    send("task", "job")
except BrokerUnavailable:
    print(attempts)
"""


def openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def make_authority(folder: Path, name: str) -> Path:
    """A certificate authority; returns its certificate, beside which is its key."""
    certificate = folder / f"{name}.pem"
    files = ("-keyout", str(folder / f"{name}.key"), "-out", str(certificate))
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *curve, *files, "-subj", f"/CN={name}", "-days", "2")
    return certificate


def make_certificate(folder: Path, authority: Path, host: str) -> tuple[Path, Path]:
    certificate, key = folder / "server.pem", folder / "server.key"
    signed = ("-CA", str(authority), "-CAkey", str(authority.with_suffix(".key")), "-nodes", "-days", "2")
    named = ("-subj", "/CN=redis", "-addext", f"subjectAltName=DNS:{host}")
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
    openssl("req", "-x509", *curve, *signed, *named, "-keyout", str(key), "-out", str(certificate))
    return certificate, key


@contextmanager
def tls_redis(folder: Path, certificate: Path, key: Path) -> Iterator[int]:
    port = free_port()
    options = {"port": "0", "tls-port": str(port), "tls-cert-file": str(certificate), "tls-key-file": str(key)}
    with redis_at(port, folder, {**options, "tls-auth-clients": "no"}, ssl=True):
        yield port


@contextmanager
def plain_redis(folder: Path) -> Iterator[int]:
    port = free_port()
    with redis_at(port, folder, {"port": str(port)}, ssl=False):
        yield port


@contextmanager
def redis_at(port: int, folder: Path, options: dict[str, str], *, ssl: bool) -> Iterator[None]:
    options = {**options, "save": "", "dir": str(folder), "bind": "127.0.0.1"}
    command = ["redis-server", *(part for name, value in options.items() for part in (f"--{name}", value))]
    with (folder / "redis.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log)
    try:
        with redis.Redis(port=port, ssl=ssl, ssl_cert_reqs="none", ssl_check_hostname=False) as client:

            def is_up() -> bool:
                try:
                    return bool(client.ping())
                except redis.RedisError:
                    return False

            eventually(is_up, "Redis listens")
        yield
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("authorities")
    return make_authority(folder, "ours"), make_authority(folder, "another")


@pytest.fixture(scope="module")
def port(authorities: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A Redis whose certificate our authority has signed, for `localhost` only."""
    folder = tmp_path_factory.mktemp("redis")
    with tls_redis(folder, *make_certificate(folder, authorities[0], "localhost")) as listening:
        yield listening


def look(redis_url: str) -> dict[str, str | None]:
    seen: dict[str, str | None] = json.loads(printed(LOOK, redis_url))
    return seen


def printed(code: str, redis_url: str) -> str:
    environment = {**os.environ, "REDIS_URL": redis_url, "DJANGO_SETTINGS_MODULE": "katoproject.settings"}
    command = [sys.executable, "-c", code]
    shown = subprocess.run(command, cwd=PROJECT_DIR, env=environment, capture_output=True, text=True, check=True)
    assert "insecure" not in shown.stderr  # as kombu says if it does not verify
    return shown.stdout


@pytest.fixture(scope="module")
def plain_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A Redis without TLS."""
    with plain_redis(tmp_path_factory.mktemp("plain")) as listening:
        yield listening


@pytest.mark.parametrize("has_tls", [True, pytest.param(False, marks=pytest.mark.exhaustive)])
def test_a_url_with_the_wrong_kind_of_redis_is_named_by_readiness_and_doctor(
    port: int, plain_port: int, has_tls: bool
) -> None:
    url = f"redis://localhost:{port}/0" if has_tls else f"rediss://localhost:{plain_port}/0"
    remedy = HAS_TLS if has_tls else HAS_NO_TLS
    seen = look(url)
    assert all(str(seen[part]).endswith(f"; {remedy}") for part in ("redis", "broker", "worker"))
    told = commands.process("doctor", "--json", REDIS_URL=url)
    findings = {one["check"]: one for one in told.json["findings"]}
    assert findings["redis"]["fix"] == remedy


def test_a_redis_that_does_not_answer_to_tls_costs_a_job_one_time_limit(plain_port: int) -> None:
    assert printed(SEND, f"rediss://localhost:{plain_port}/0") == "[2.0]\n"


def test_with_its_authority_cache_and_worker_use_it(port: int, authorities: tuple[Path, Path]) -> None:
    url = f"rediss://localhost:{port}/0?ssl_ca_certs={authorities[0]}"
    with Worker(REDIS_URL=url):
        seen = look(url)
        eventually(lambda: look(url)["worker"] is None, "the worker answers")
    assert {name: seen[name] for name in ("redis", "broker")} == {"redis": None, "broker": None}


@pytest.mark.parametrize(
    "why",
    [
        "another authority",
        pytest.param("the system's authorities", marks=pytest.mark.exhaustive),
        pytest.param("another name", marks=pytest.mark.exhaustive),
    ],
)
def test_a_redis_that_cannot_prove_itself_is_refused_by_cache_and_broker(
    port: int, authorities: tuple[Path, Path], why: str
) -> None:
    url = {
        "another authority": f"rediss://localhost:{port}/0?ssl_ca_certs={authorities[1]}",
        "the system's authorities": f"rediss://localhost:{port}/0",
        "another name": f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={authorities[0]}",
    }[why]
    seen = look(url)
    for part in ("redis", "broker"):
        assert "CERTIFICATE_VERIFY_FAILED" in str(seen[part])
        assert str(seen[part]).endswith(HOW_TO_VERIFY)
    assert seen["worker"] is not None


def test_the_doctor_refuses_it_too_and_says_what_to_set(port: int, authorities: tuple[Path, Path]) -> None:
    told = commands.process("doctor", "--json", REDIS_URL=f"rediss://localhost:{port}/0?ssl_ca_certs={authorities[1]}")
    findings = {one["check"]: one for one in told.json["findings"]}
    assert "CERTIFICATE_VERIFY_FAILED" in findings["redis"]["found"]
    assert findings["redis"]["fix"] == HOW_TO_VERIFY
    assert "CERTIFICATE_VERIFY_FAILED" in findings["worker"]["found"]
