"""What several files about commands need."""

import pytest


@pytest.fixture
def node(request: pytest.FixtureRequest) -> str:
    """A node of this test's own."""
    name: str = request.node.name
    return name
