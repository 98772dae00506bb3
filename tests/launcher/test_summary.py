"""What the start says when all is up."""

import socket
from collections import namedtuple
from pathlib import Path

import psutil
import pytest

from katoproject.configuration.environment import Environment
from katoproject.launcher.up import Service

_Interface = namedtuple("_Interface", "family address")

INTERFACES = {
    "lo": [_Interface(socket.AF_INET, "127.0.0.1"), _Interface(socket.AF_INET6, "::1")],
    "eth0": [
        _Interface(socket.AF_INET, "192.0.2.7"),
        _Interface(socket.AF_INET6, "2001:db8::7"),
        _Interface(socket.AF_INET6, "fe80::7%eth0"),
        _Interface(psutil.AF_LINK, "00:00:5e:00:53:af"),
    ],
}


@pytest.mark.parametrize(
    ("host", "api", "listens"),
    [
        ("127.0.0.1", "http://127.0.0.1:8123", False),
        ("192.0.2.7", "http://192.0.2.7:8123", False),
        ("0.0.0.0", "http://127.0.0.1:8123, http://192.0.2.7:8123", True),
        ("::", "http://[::1]:8123, http://192.0.2.7:8123, http://[2001:db8::7]:8123", True),
    ],
)
def test_it_names_the_addresses_that_others_can_use(
    host: str,
    api: str,
    listens: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: INTERFACES)
    monkeypatch.setenv("HOST", host)
    monkeypatch.setenv("PORT", "8123")
    Service(Environment(), tmp_path, only_stores=False).print_summary()
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    assert ["API", api] in lines
    assert (["Listens", f"on {host}, port 8123"] in lines) is listens
