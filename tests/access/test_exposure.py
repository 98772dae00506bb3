"""Whether the API may be served at an address without keys: on loopback; elsewhere only if that is said."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from benchmarks.stack import eventually, free_port
from katoproject.configuration.environment import PROJECT_DIR, read_environment
from katoproject.configuration.exposure import Exposed, check_exposure

ANY_ADDRESS = "0.0.0.0"

STARTS: dict[str, Callable[[int], list[str]]] = {
    "serve": lambda _port: ["manage.py", "serve"],
    "up": lambda _port: ["manage.py", "up"],
    "server": lambda port: ["-m", "katoproject.server", ANY_ADDRESS, str(port), "1"],
}


def start(name: str, port: int, folder: Path, **environment: str) -> subprocess.Popen[str]:
    merged = {**os.environ, "KATO_DATA_DIR": str(folder / "data"), "HOST": ANY_ADDRESS, "PORT": str(port)}
    return subprocess.Popen(
        [sys.executable, *STARTS[name](port)],
        cwd=PROJECT_DIR,
        env={**merged, "KATO_WORKERS": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize("name", STARTS)
def test_a_start_without_a_decision_is_refused(name: str, folder: Path) -> None:
    running = start(name, free_port(), folder)
    output, _ = running.communicate(timeout=60)
    assert running.returncode == 1
    assert f"HOST={ANY_ADDRESS} is not this machine's loopback" in output
    assert "KATO_ACCESS=keys" in output
    assert "manage.py key create NAME" in output
    assert "KATO_ACCESS=open and KATO_OPEN_TO_THE_NETWORK=yes" in output
    assert "Traceback" not in output


@pytest.mark.exhaustive
def test_with_keys_it_serves_a_network(folder: Path) -> None:
    port = free_port()
    running = start("serve", port, folder, KATO_ACCESS="keys")

    def refuses_strangers() -> bool:
        assert running.poll() is None
        try:
            return httpx.get(f"http://127.0.0.1:{port}/").status_code == 401
        except httpx.TransportError:
            return False

    try:
        eventually(refuses_strangers, "it serves", seconds=60)
    finally:
        running.terminate()
        running.communicate(timeout=30)


def check(monkeypatch: pytest.MonkeyPatch, host: str, **environment: str) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    check_exposure(read_environment(), host)


def test_both_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    check(monkeypatch, ANY_ADDRESS, KATO_ACCESS="keys")
    check(monkeypatch, ANY_ADDRESS, KATO_ACCESS="open", KATO_OPEN_TO_THE_NETWORK="yes")


@pytest.mark.parametrize("half", [{"KATO_ACCESS": "open"}, {"KATO_OPEN_TO_THE_NETWORK": "yes"}], ids=str)
def test_half_a_decision_is_none(half: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Exposed):
        check(monkeypatch, ANY_ADDRESS, **half)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "LOCALHOST", "::1", "[::1]", "ip6-localhost"])
def test_on_loopback_nothing_has_to_be_decided_and_nothing_changes(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check(monkeypatch, host)
    assert not read_environment().needs_keys


@pytest.mark.parametrize(
    "host", ["::", "[::]", "10.0.0.1", "[fe80::1]", "kato.example", "localhost.example", "127.1", "2130706433"]
)
def test_every_other_address_is_one_of_the_network(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also what might mean loopback: it is compared, not looked up."""
    with pytest.raises(Exposed):
        check(monkeypatch, host)
