"""Access keys, made in this process, and clients that send them."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

import httpx

from access_app import operations
from access_app.limits import UNLIMITED, Limits
from foundation.callers import Scope
from tests.support.connections import fresh_connections


@dataclass(frozen=True, slots=True)
class Key:
    """A key, and a client that sends its token; any process of the server may get a request."""

    id: str
    name: str
    token: str
    client: httpx.Client


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def client_with(url: str, token: str) -> httpx.Client:
    client = fresh_connections(url)
    client.headers.update(bearer(token))
    return client


def make_key(
    url: str,
    *scopes: Scope,
    nodes: Collection[str] | None = None,
    lifetime: timedelta | None = None,
    limits: Limits = UNLIMITED,
) -> Key:
    """Without scopes: as `manage.py key create` without any."""
    name = f"key {uuid.uuid4().hex}"
    issued = operations.create(
        name=name, scopes=scopes or (Scope.READ, Scope.WRITE), nodes=nodes, lifetime=lifetime, limits=limits
    )
    return Key(issued.key.id, name, issued.token, client_with(url, issued.token))
