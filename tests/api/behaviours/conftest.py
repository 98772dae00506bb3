from collections.abc import Iterator

import pytest

from benchmarks.stack import WebServer
from tests.api.behaviours.session import new_node
from tests.support.clients import LIBRARIES, Client


@pytest.fixture(params=LIBRARIES)
def api(request: pytest.FixtureRequest, server: WebServer) -> Iterator[Client]:
    """A client program that has not connected yet; each test runs with each library."""
    with LIBRARIES[request.param](server.url) as client:
        yield client


@pytest.fixture
def node() -> str:
    """A node id that no other test uses."""
    return new_node()
