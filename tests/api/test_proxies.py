"""Behind proxies: whose address and which scheme a request has (docs/configuration.md, KATO_TRUSTED_PROXIES)."""

import json
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from benchmarks.stack import WebServer, eventually
from katoproject.server.proxies import TrustedProxies
from katoproject.server.requests import add_headers
from tests.support.listeners import connect_to, events_url

INSIDE = TrustedProxies([ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")])


@pytest.mark.parametrize(
    ("forwarded_for", "client"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7, 10.1.1.1", "203.0.113.7"),
        ("1.1.1.1, 203.0.113.7, 10.1.1.1", "203.0.113.7"),
        ("10.9.9.9, 203.0.113.7", "203.0.113.7"),
        ("10.9.9.9, 10.1.1.1", "10.9.9.9"),
        ("203.0.113.7:4711", "203.0.113.7"),
        ("[2001:db9::1]:4711", "2001:db9::1"),
        ("2001:db9::1,2001:DB8::5", "2001:db9::1"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("203.0.113.7, unknown", "10.0.0.2"),
        ("203.0.113.7, unknown, 10.1.1.1", "10.1.1.1"),
        ("", "10.0.0.2"),
        (",,,", "10.0.0.2"),
        ("x" * 60_000, "10.0.0.2"),
        ("203.0.113.7," + ",".join(["10.1.1.1"] * 20_000), "10.1.1.1"),
    ],
)
def test_the_client_is_the_last_address_that_is_no_proxy(forwarded_for: str, client: str) -> None:
    """What a client has written before that does not count, nor what is no address."""
    assert INSIDE.client("10.0.0.2", forwarded_for) == client


def test_a_proxy_may_call_from_an_ipv4_address_in_the_form_of_ipv6() -> None:
    assert INSIDE.trusts("::ffff:10.0.0.2")
    assert not INSIDE.trusts("::ffff:11.0.0.2")
    assert not INSIDE.trusts("no address")


@pytest.mark.parametrize(
    ("forwarded_proto", "scheme"),
    [("https", "https"), ("HTTPS , https", "https"), ("http", "http"), ("https,http", "http"), ("", "http")],
)
def test_it_is_https_if_every_proxy_says_so(forwarded_proto: str, scheme: str) -> None:
    assert TrustedProxies.scheme(forwarded_proto) == scheme


def test_without_proxies_nobody_is_asked() -> None:
    assert not TrustedProxies([])


@pytest.fixture(scope="module")
def behind_a_proxy(folder: Path) -> Iterator[WebServer]:
    with WebServer(
        workers=1, output=str(folder / "web"), LOG_FORMAT="json", KATO_TRUSTED_PROXIES="127.0.0.1, 10.0.0.0/8"
    ) as running:
        yield running


def logged(folder: Path, trace_id: str) -> dict[str, Any]:
    """The line of the request with this trace id."""

    def found() -> list[dict[str, Any]]:
        lines = [json.loads(text) for text in (folder / "web").read_text().splitlines() if trace_id in text]
        return [line for line in lines if line["message"] == "Answered"]

    eventually(lambda: bool(found()), "the request is logged")
    return found()[0]


def test_the_log_has_the_address_that_the_proxy_gives(behind_a_proxy: WebServer, folder: Path) -> None:
    trace_id = uuid4().hex
    headers = {"X-Trace-ID": trace_id, "X-Forwarded-For": "1.2.3.4, 203.0.113.7, 10.0.0.5"}
    httpx.get(f"{behind_a_proxy.url}/health", headers=headers)
    assert logged(folder, trace_id)["client"] == "203.0.113.7"


def test_a_websocket_has_that_address_too(behind_a_proxy: WebServer, folder: Path) -> None:
    trace_id = uuid4().hex
    headers = {"X-Trace-ID": trace_id, "X-Forwarded-For": "203.0.113.8"}
    with connect_to(events_url(behind_a_proxy.url), additional_headers=headers) as connection:
        connection.recv()
    assert logged(folder, trace_id)["client"] == "203.0.113.8"


@pytest.mark.parametrize(("peer", "address", "scheme"), [("10.1.1.1", "1.2.3.4", "https"), ("11.1.1.1", None, "http")])
def test_from_others_the_headers_have_no_effect(
    monkeypatch: pytest.MonkeyPatch, peer: str, address: str | None, scheme: str
) -> None:
    monkeypatch.setattr("katoproject.server.requests.proxies", INSIDE)
    environ: dict[str, Any] = {}
    headers = [(b"x-forwarded-for", b"1.2.3.4"), (b"x-forwarded-proto", b"https")]
    add_headers(environ, {"client": (peer, 4711), "scheme": "http", "headers": headers})
    assert (environ["REMOTE_ADDR"], environ["wsgi.url_scheme"]) == (address or peer, scheme)
