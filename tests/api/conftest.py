"""What several files about the API need."""

from collections.abc import Iterator
from functools import partial

import pytest

from benchmarks.stack import WebServer
from tests.support.connections import fresh_connections
from tests.support.sessions import LiveSession, OpenSession


@pytest.fixture
def node(request: pytest.FixtureRequest) -> str:
    """A node of the test's own."""
    return str(request.node.name)


@pytest.fixture
def open_small(small: WebServer, request: pytest.FixtureRequest) -> Iterator[OpenSession]:
    """As `open_session`, in the service with smaller limits that the test's file starts as `small`."""
    with fresh_connections(small.url) as client:
        yield partial(LiveSession.create, client, request.node.name)
