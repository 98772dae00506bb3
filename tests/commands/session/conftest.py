"""Fixtures for the tests of `manage.py session …`."""

from uuid import uuid4

import pytest


@pytest.fixture
def node() -> str:
    return f"node-{uuid4().hex}"
