from collections.abc import Iterator

import httpx
import pytest

from tests.contract.world import World
from tests.stack import WebServer


@pytest.fixture(scope="package")
def world(server: WebServer) -> Iterator[World]:
    with httpx.Client(base_url=server.url, timeout=60, follow_redirects=False) as client:
        yield World.create(client)
