"""Which host names the service answers to: protection against DNS rebinding (docs/security.md)."""

import socket

import httpx
import pytest

from benchmarks.stack import WebServer
from foundation.http.hosts import Hosts

ALWAYS = (
    "127.0.0.1",
    "127.0.0.1:8000",
    "10.1.2.3",
    "[::1]:8000",
    "[2001:db8::1]",
    "localhost",
    "LocalHost:80",
    "a.localhost",
)
NEVER = (
    "evil.example",
    "localhost.evil.example",
    "evil.localhost.example",
    "127.0.0.1.evil.example",
    "a b",
    "a/b",
    "[::1",
)


@pytest.mark.parametrize("host", ALWAYS)
def test_addresses_and_localhost_cannot_be_pointed_elsewhere(host: str) -> None:
    assert Hosts([], plain_names=False).accept(host)


@pytest.mark.parametrize("host", NEVER)
def test_other_names_can(host: str) -> None:
    assert not Hosts([], plain_names=True).accept(host)


@pytest.mark.parametrize(
    ("name", "accepted", "refused"),
    [
        ("Kato.example.com", "KATO.example.com:8000", "a.kato.example.com"),
        (".example.com", "a.b.example.com", "badexample.com"),
        ("*", "whatever.example", "no/name"),
    ],
)
def test_names_may_be_allowed(name: str, accepted: str, refused: str) -> None:
    hosts = Hosts([name], plain_names=False)
    assert hosts.accept(accepted)
    assert not hosts.accept(refused)


def test_names_without_a_dot_are_those_of_the_own_network() -> None:
    """Such as those of containers. Where only this machine can reach the service, they have no use."""
    assert Hosts([], plain_names=True).accept("web:8000")
    assert not Hosts([], plain_names=False).accept("web:8000")


@pytest.mark.parametrize("path", ["/health", "/", "/sessions", "/nowhere", "/admin/", "/docs", "/metrics-prom"])
def test_every_path_looks_at_the_host(client: httpx.Client, path: str) -> None:
    response = client.get(path, headers={"Host": "evil.example"})
    assert response.status_code == 400
    assert response.json() == {"detail": "Bad Request: KATO_ALLOWED_HOSTS does not name the host 'evil.example'"}


def test_nothing_is_changed_for_a_foreign_host(client: httpx.Client) -> None:
    before = client.get("/sessions/count").json()
    assert client.post("/sessions", json={"node_id": "n"}, headers={"Host": "evil.example"}).status_code == 400
    assert client.get("/sessions/count").json() == before


def send(server: WebServer, *headers: str, path: str = "/health") -> int:
    """The status of the response. Over a socket, because HTTP libraries send the right host, and exactly one."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall("\r\n".join((f"GET {path} HTTP/1.1", *headers, "", "")).encode())
        return int(connection.recv(1000).split()[1])


def test_a_second_host_header_does_not_help(server: WebServer) -> None:
    assert send(server, "Host: localhost", "Host: evil.example") == 400


def test_a_program_may_leave_the_host_out(server: WebServer) -> None:
    """Such as the health check of a load balancer."""
    assert send(server) == 200


def test_a_websocket_of_a_foreign_host_is_refused(server: WebServer) -> None:
    handshake = (
        *("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"),
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    )
    assert send(server, "Host: localhost", *handshake, path="/ws/events") == 101
    assert send(server, "Host: evil.example", *handshake, path="/ws/events") == 400
