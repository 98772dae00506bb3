"""Django's connections, which pytest-django keeps from tests that do not say that they need them."""

from contextlib import AbstractContextManager

import pytest
from pytest_django.plugin import blocking_manager_key

_config: pytest.Config | None = None


def remember(config: pytest.Config) -> None:
    global _config
    _config = config


def unblocked() -> AbstractContextManager[None]:
    """For helpers that act as another process would: the test itself still may not use the database."""
    assert _config is not None
    return _config.stash[blocking_manager_key].unblock()
