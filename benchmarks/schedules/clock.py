"""A clock of PostgreSQL that can be put forward, for this database alone.

The functions of this schema hide those of PostgreSQL from the statements of the service. From one moment on they say an
hour more. So a transaction that began before that moment goes on to see the `now()` of its beginning, as it would if
the hour had really passed. The moment is in a sequence, which no transaction can roll back or see too late.
"""

from typing import Any

import psycopg

PASSED = 3600  # seconds

_NEVER = 2**62
_CREATE = f"""
    CREATE SCHEMA clock;
    CREATE SEQUENCE clock.moment START {_NEVER};
    SELECT nextval('clock.moment');
    CREATE FUNCTION clock.shifted(told timestamptz) RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
        SELECT told + CASE WHEN extract(epoch FROM told) * 1000000 >= (SELECT last_value FROM clock.moment)
            THEN interval '{PASSED} seconds' ELSE interval '0' END
    $$;
    CREATE FUNCTION clock.now() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT clock.shifted(pg_catalog.now())';
    CREATE FUNCTION clock.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
        AS 'SELECT clock.shifted(pg_catalog.clock_timestamp())'
"""
_PUT_FORWARD = "SELECT setval('clock.moment', (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::bigint)"
# For PL/pgSQL.
PUT_BACK = f"PERFORM setval('clock.moment', {_NEVER})"

SEARCH_PATH = "clock, pg_catalog, public"


def install(connection: psycopg.Connection[Any]) -> None:
    connection.execute(_CREATE, prepare=False)


def let_an_hour_pass(connection: psycopg.Connection[Any]) -> None:
    connection.execute(_PUT_FORWARD)
