from collections.abc import Iterator

import httpx
import pytest

from benchmarks.stack import WebServer
from tests.api.contract.world import World
from tests.support.contracts import NEW, asking


@pytest.fixture(scope="package")
def world(server: WebServer) -> Iterator[World]:
    with httpx.Client(base_url=server.url, timeout=60, follow_redirects=False) as client:
        yield World.create(client)


@pytest.fixture(scope="package")
def world_6_3(server: WebServer) -> Iterator[World]:
    """All of it asks for the newer contract."""
    with httpx.Client(base_url=server.url, timeout=60, follow_redirects=False, headers=asking(NEW)) as client:
        yield World.create(client)
