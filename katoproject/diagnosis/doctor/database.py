"""PostgreSQL: it decides everything, so it must be there, durable, and of the shape that this program expects."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connections
from django.db.migrations.executor import MigrationExecutor

from foundation.postgresql.statements import OTHER
from foundation.postgresql.trouble import STORE_TROUBLE, first_line
from foundation.terminal.errors import how_to_reach_the_database
from katoproject.diagnosis.doctor.findings import Finding, ok, problem, warning
from memory_app.vector_table import AVAILABLE

OLDEST = 14  # that Django takes
OLDEST_PGVECTOR = [0, 5]  # with HNSW
SKEW = 2.0  # seconds; nobody lives longer or shorter by it, but logs of several machines do not fit together

_FACTS = """
    SELECT current_setting('server_version'), current_setting('server_version_num')::int / 10000,
        current_setting('server_encoding'),
        pg_is_in_recovery() OR current_setting('default_transaction_read_only')::bool,
        current_setting('fsync')::bool, current_setting('full_page_writes')::bool,
        current_setting('synchronous_commit'),
        (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
        current_setting('max_connections')::int
"""
_VECTORS = f"""
    SELECT (SELECT extversion FROM pg_extension WHERE extname = 'vector'),
        (SELECT default_version FROM pg_available_extensions WHERE name = 'vector'), {AVAILABLE}
"""


@dataclass(frozen=True, slots=True)
class _Facts:
    version: str
    major: int
    encoding: str
    is_read_only: bool
    fsync: bool
    full_page_writes: bool
    synchronous_commit: str
    connections: int
    max_connections: int


def database() -> Iterator[Finding]:
    try:
        facts = _Facts(*OTHER.execute(_FACTS, {})[0])
        seconds, skew = _clock()
    except STORE_TROUBLE as error:
        yield problem(
            "database", f"does not serve ({first_line(error)}): every request fails", how_to_reach_the_database()
        )
        return
    yield from _server(facts, seconds)
    yield from _durability(facts)
    yield from _connections(facts)
    yield from _skew(skew)
    for examination in (_migrations, _vectors):
        try:
            yield from examination()
        except (DatabaseError, InterfaceError) as error:
            yield problem("database", f"{first_line(error)}", "see the log of PostgreSQL")


def _clock() -> tuple[float, float]:
    """Seconds that a question takes, and by how many this machine's clock is ahead of the database's."""
    begun = time.time()
    [(there,)] = OTHER.execute("SELECT clock_timestamp()", {})
    ended = time.time()
    assert isinstance(there, datetime)
    return ended - begun, (begun + ended) / 2 - there.timestamp()


def _server(facts: _Facts, seconds: float) -> Iterator[Finding]:
    found = f"PostgreSQL {facts.version}, answers in {seconds * 1000:.1f} ms"
    if facts.major < OLDEST:
        yield problem("database", f"{found}: too old", f"upgrade it to {OLDEST} or newer")
    elif facts.encoding != "UTF8":
        yield problem(
            "database",
            f"{found}, but keeps text as {facts.encoding}: not every symbol can be stored",
            "make a database with ENCODING 'UTF8'",
        )
    elif facts.is_read_only:
        yield problem(
            "database", f"{found}, but takes no writes (a standby, or read-only)", "set DATABASE_URL to the primary"
        )
    else:
        yield ok("database", found)


def _durability(facts: _Facts) -> Iterator[Finding]:
    off = [name for name in ("fsync", "full_page_writes") if not getattr(facts, name)]
    if facts.synchronous_commit == "off":
        off.append("synchronous_commit")
    if off:
        yield problem(
            "durability",
            f"{' and '.join(off)} off: after a power cut, what was acknowledged may be lost or damaged",
            f"ALTER SYSTEM SET {off[0]} = on; SELECT pg_reload_conf(); (each of them; also not by role or database)",
        )
    else:
        yield ok("durability", f"fsync, full_page_writes on, synchronous_commit {facts.synchronous_commit}")


def _connections(facts: _Facts) -> Iterator[Finding]:
    found = f"{facts.connections} of {facts.max_connections} taken"
    if facts.connections > 0.9 * facts.max_connections:
        yield warning(
            "connections",
            f"{found}: who comes next is refused",
            "raise max_connections, or lower KATO_WORKERS times KATO_LIMIT_CONCURRENCY",
        )
    else:
        yield ok("connections", found)


def _skew(skew: float) -> Iterator[Finding]:
    if abs(skew) > SKEW:
        yield warning(
            "clock",
            f"this machine is {abs(skew):.1f} s {'ahead of' if skew > 0 else 'behind'} PostgreSQL: sessions live as "
            "long as promised (only the database's clock counts), but times in logs and ids do not fit together",
            "synchronise the clocks (chrony, ntpd)",
        )
    else:
        yield ok("clock", f"within {abs(skew) * 1000:.0f} ms of PostgreSQL's")


def _migrations() -> Iterator[Finding]:
    executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
    loader = executor.loader
    missing = [f"{one.app_label}.{one.name}" for one, _ in executor.migration_plan(loader.graph.leaf_nodes())]
    unknown = sorted(".".join(key) for key in set(loader.applied_migrations) - set(loader.disk_migrations))
    unknown = [name for name in unknown if name.partition(".")[0] in loader.migrated_apps]
    if missing:
        yield problem("migrations", f"not applied: {', '.join(missing)}", "run `manage.py migrate`")
    elif unknown:
        yield warning(
            "migrations",
            f"the database is of a newer version than this program ({', '.join(unknown)})",
            "run the newer program",
        )
    else:
        yield ok("migrations", "all applied")


def _vectors() -> Iterator[Finding]:
    [(installed, available, ready)] = OTHER.execute(_VECTORS, {})
    if ready and [int(part) for part in installed.split(".")[:2]] < OLDEST_PGVECTOR:
        yield warning("pgvector", f"version {installed}: too old to index vectors", "ALTER EXTENSION vector UPDATE")
    elif ready:
        yield ok("pgvector", f"version {installed}")
    elif available or installed:
        yield warning(
            "pgvector",
            "it can be had, but is not set up: observations with vectors are refused",
            "run `manage.py migrate`; if that warns, first CREATE EXTENSION vector as a superuser of this database",
        )
    else:
        yield warning(
            "pgvector",
            "PostgreSQL has none: observations with vectors are refused, all else works",
            "install pgvector (package postgresql-N-pgvector), then run `manage.py migrate`",
        )
