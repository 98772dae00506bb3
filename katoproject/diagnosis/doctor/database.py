"""PostgreSQL: reachable, durable, and with the schema that this program expects."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connections
from django.db.migrations.executor import MigrationExecutor

from foundation.postgresql import fitness
from foundation.postgresql.statements import OTHER
from foundation.postgresql.trouble import STORE_TROUBLE, first_line, is_standby
from foundation.terminal.errors import how_to_reach_the_database
from katoproject.diagnosis.doctor.findings import Finding, ok, problem, warning
from katoproject.monitoring import clocks
from memory_app import vector_table

OLDEST = 14  # the oldest version that Django supports
OLDEST_PGVECTOR = (0, 5)  # the first with HNSW
_LET_IT_LEAD = "promote it, or let the address in DATABASE_URL lead to the primary (or name all hosts: host=a,b)"

_SERVER = """
    SELECT current_setting('server_version'), current_setting('server_version_num')::int / 10000,
        current_setting('server_encoding'),
        current_setting('fsync')::bool, current_setting('full_page_writes')::bool,
        current_setting('synchronous_commit'),
        (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
        current_setting('max_connections')::int
"""


@dataclass(frozen=True, slots=True)
class _ServerRow:
    version: str
    major: int
    encoding: str
    fsync: bool
    full_page_writes: bool
    synchronous_commit: str
    connections: int
    max_connections: int


def database() -> Iterator[Finding]:
    try:
        connection = _fitness()
        server = _ServerRow(*OTHER.execute(_SERVER, {})[0])
        seconds = clocks.measure().took
    except fitness.Pooled as pooled:
        yield problem("connection", pooled.found, pooled.remedy)
        return
    except STORE_TROUBLE as error:
        found = f"unavailable ({first_line(error)}): every request fails"
        yield problem("database", found, _LET_IT_LEAD if is_standby(error) else how_to_reach_the_database())
        return
    yield from _server(server, seconds)
    yield connection
    yield from _durability(server)
    yield from _connections(server)
    for examination in (_migrations, _vectors):
        try:
            yield from examination()
        except (DatabaseError, InterfaceError) as error:
            yield problem("database", f"{first_line(error)}", "see the log of PostgreSQL")


def _fitness() -> Finding:
    """Whether connections serve as the service needs it. Raises STORE_TROUBLE, also where nothing else can be asked."""
    try:
        fitness.check(thoroughly=True)
    except fitness.Pooled:
        raise
    except fitness.Unfit as unfit:
        return problem("connection", unfit.found, unfit.remedy)
    return ok("connection", "leads to the primary, with all settings that the service asks for")


def _server(server: _ServerRow, seconds: float) -> Iterator[Finding]:
    found = f"PostgreSQL {server.version}, responds in {seconds * 1000:.1f} ms"
    if server.major < OLDEST:
        yield problem("database", f"{found}: too old", f"upgrade it to {OLDEST} or newer")
    elif server.encoding != "UTF8":
        yield problem(
            "database",
            f"{found}, but its encoding is {server.encoding}: not every symbol can be stored",
            "create a database with ENCODING 'UTF8'",
        )
    else:
        yield ok("database", found)


def _durability(server: _ServerRow) -> Iterator[Finding]:
    off = [name for name in ("fsync", "full_page_writes") if not getattr(server, name)]
    if server.synchronous_commit == "off":
        off.append("synchronous_commit")
    if off:
        yield problem(
            "durability",
            f"{' and '.join(off)} off: a power cut may lose or damage acknowledged writes",
            f"ALTER SYSTEM SET {off[0]} = on; SELECT pg_reload_conf(); (for each; roles and databases may override it)",
        )
    else:
        yield ok("durability", f"fsync, full_page_writes on, synchronous_commit {server.synchronous_commit}")


def _connections(server: _ServerRow) -> Iterator[Finding]:
    found = f"{server.connections} of {server.max_connections} in use"
    if server.connections > 0.9 * server.max_connections:
        yield warning(
            "connections",
            f"{found}: PostgreSQL will soon refuse connections",
            "raise max_connections, or lower KATO_WORKERS times KATO_LIMIT_CONCURRENCY",
        )
    else:
        yield ok("connections", found)


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
            f"a newer version than this program migrated the database ({', '.join(unknown)})",
            "run the newer program",
        )
    else:
        yield ok("migrations", "all applied")


def _vectors() -> Iterator[Finding]:
    pgvector = vector_table.availability()
    version = pgvector.installed
    if pgvector.has_table and version is not None:
        if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_PGVECTOR:
            yield warning("pgvector", f"version {version}: too old to index vectors", "ALTER EXTENSION vector UPDATE")
        else:
            yield ok("pgvector", f"version {version}")
    elif pgvector.installable or version:
        yield warning(
            "pgvector",
            "available, but not set up: observations with vectors are rejected",
            "run `manage.py migrate`; if that warns, first CREATE EXTENSION vector as a superuser of this database",
        )
    else:
        yield warning(
            "pgvector",
            "missing from PostgreSQL: observations with vectors are rejected, everything else works",
            "install pgvector (package postgresql-N-pgvector), then run `manage.py migrate`",
        )
