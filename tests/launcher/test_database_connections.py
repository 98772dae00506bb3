"""What is in force on the connections to PostgreSQL."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from pytest_django import DjangoDbBlocker

from foundation.postgresql import fitness
from foundation.postgresql.opening import OnStandby
from foundation.postgresql.trouble import is_standby
from katoproject.configuration.locations import postgres_url
from katoproject.settings import _database


@pytest.fixture(autouse=True)
def any_database(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield
        connection.close()


def setting(name: str, on: Any = connection) -> str:
    with on.cursor() as cursor:
        cursor.execute("SELECT current_setting(%s)", [name])
        [text] = cursor.fetchone()
    return str(text)


@pytest.mark.parametrize("name", settings.DATABASE_SESSION)
def test_the_settings_of_the_service_are_in_force(name: str) -> None:
    assert setting(name) == settings.DATABASE_SESSION[name]
    fitness.check(thoroughly=True)


def test_options_of_the_url_hold_beside_them() -> None:
    second = connection.copy()
    second.settings_dict |= _database(postgres_url() + "&options=-csearch_path%3Dpg_catalog")
    try:
        assert (setting("search_path", second), setting("statement_timeout", second)) == ("pg_catalog", "5s")
    finally:
        second.close()


def test_the_isolation_level_is_that_of_the_service_whatever_role_database_or_url_say() -> None:
    second = connection.copy()
    second.settings_dict |= _database(postgres_url() + "&options=-cdefault_transaction_isolation%3Dserializable")
    try:
        assert setting("transaction_isolation", second) == "read committed"
    finally:
        second.close()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OnStandby(), True),
        (OperationalError('connection to server at "db" failed: server is in hot standby mode'), True),
        (OperationalError('connection to server at "db" failed: server is not in hot standby mode'), False),
    ],
)
def test_only_a_standby_counts_as_one(error: Exception, expected: bool) -> None:
    assert is_standby(error) == expected


def test_a_setting_that_was_lost_is_named_and_then_applied_again() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = 0")
    with pytest.raises(fitness.SettingsLost, match="lock_timeout is 0, not 4s"):
        fitness.check()
    fitness.check()
