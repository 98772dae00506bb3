from collections.abc import Iterator

import httpx
import pytest

from benchmarks.stack import WebServer
from tests.api.contract.world import World


@pytest.fixture(scope="package")
def world(server: WebServer) -> Iterator[World]:
    with httpx.Client(base_url=server.url, timeout=60, follow_redirects=False) as client:
        yield World.create(client)
