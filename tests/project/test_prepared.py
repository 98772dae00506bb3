"""Stores that are copied for a test file are those of another deployment, as if they had been made from nothing."""

from pathlib import Path

import psycopg

from foundation.postgresql import identity
from katoproject.configuration.locations import postgres_url, redis_password
from tests.support.prepared import own_stores


def test_a_copy_has_all_tables_and_an_identity_and_a_password_of_its_own(folder: Path) -> None:
    ours, data = identity.of_database(), folder / "data"
    stores = own_stores(data)
    stores.start_one("postgres")
    try:
        with psycopg.connect(postgres_url(data)) as connection:
            assert connection.execute("SELECT count(*) FROM sessions_app_session").fetchone() == (0,)
        with psycopg.connect(postgres_url(data)) as connection:
            identity.remember(connection)
    finally:
        stores.stop()
    assert identity.of_database() != ours
    assert redis_password(data) != redis_password()
