"""What several files about faults need."""

import httpx
import pytest

from tests.support.sessions import create_session, observe


@pytest.fixture
def session_id(client: httpx.Client) -> str:
    """A session with one event, in the service that `client` of the test's file asks."""
    created = create_session(client)
    observe(client, created, "before")
    return created
