"""The table of vectors, which exists where PostgreSQL has pgvector, and the vector space of each memory.

All vectors of a memory have one dimension, that of the first. It is a row of its own (`models.VectorSpace`).
"""

import logging
from typing import NamedTuple

from django.db import transaction
from psycopg.errors import InsufficientPrivilege

from foundation.postgresql.trouble import WrongSchema
from memory_app.errors import VectorsNotAvailable
from memory_app.stores import VECTORS

log = logging.getLogger(__name__)

MAX_DIMENSION = 16_000
"""The limit of pgvector's type."""
LARGEST_NUMBER = 3.4028234663852886e38
"""The largest that fits into the 4 bytes in which pgvector keeps a number."""

AVAILABLE = """
    EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('memory_app_vector') AND attname = 'embedding'
        AND NOT attisdropped)
"""
_AVAILABILITY = f"""
    SELECT (SELECT extversion FROM pg_extension WHERE extname = 'vector'),
        (SELECT default_version FROM pg_available_extensions WHERE name = 'vector'), {AVAILABLE}
"""
_INSTALLED = f"SELECT {AVAILABLE}, EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector')"
# MAIN: up to about 2,000 dimensions stay in the row itself, where a scan reads them four times as fast as elsewhere.
_PREPARE = (
    "CREATE EXTENSION IF NOT EXISTS vector",
    # A table whose vectors went with a dropped extension: only their names are left.
    "DROP TABLE IF EXISTS memory_app_vector",
    "DELETE FROM memory_app_vectorspace",
    """
    CREATE TABLE memory_app_vector (
        memory bigint NOT NULL, name bytea NOT NULL, embedding vector NOT NULL, PRIMARY KEY (memory, name)
    )
    """,
    "ALTER TABLE memory_app_vector ALTER embedding SET STORAGE MAIN",
)
_SPACE_OF_NODE = f"""
    SELECT {AVAILABLE}, memory, dimension, indexed
    FROM (VALUES (1)) AS always LEFT JOIN (
        memory_app_node JOIN memory_app_vectorspace USING (memory)
    ) ON node_id = %(node_id)s
"""
_DIMENSION = f"SELECT {AVAILABLE}, (SELECT dimension FROM memory_app_vectorspace WHERE memory = %(memory)s)"
DELETE_EMPTY_SPACE = """
    DELETE FROM memory_app_vectorspace WHERE memory = %(memory)s
        AND to_regclass('memory_app_vector_of_' || %(memory)s::bigint) IS NULL
        AND NOT EXISTS (SELECT FROM memory_app_vector WHERE memory = %(memory)s)
"""
"""The node must be locked. Without vectors there is no dimension that later ones must have; but an index has one, also
one that is being built: it would refuse vectors of another dimension."""
_COUNT = "SELECT count(*) FROM memory_app_vector WHERE memory = %(memory)s"


def prepare() -> None:
    """Create the table of vectors if pgvector is available and there is no table yet. Repeating it does no harm."""
    [(done, installed)] = VECTORS.execute(_INSTALLED, {})
    if done:
        return
    if not installed:
        log.warning("PostgreSQL has no pgvector: observations with vectors will be refused")
        return
    try:
        with transaction.atomic():
            for statement in _PREPARE:
                VECTORS.execute(statement, {})
    except WrongSchema as error:
        if not isinstance(error.__cause__, InsufficientPrivilege):
            raise
        log.warning(
            "Observations with vectors will be refused until a superuser has run CREATE EXTENSION vector "
            "in this database and `manage.py migrate` was run again: %s",
            error,
        )


class Availability(NamedTuple):
    """Of pgvector: the version of the extension in this database, the version that PostgreSQL can install, and whether
    there is a table of vectors."""

    installed: str | None
    installable: str | None
    has_table: bool


def availability() -> Availability:
    [row] = VECTORS.execute(_AVAILABILITY, {})
    return Availability(*row)


def indexed_expression(dimension: int) -> str:
    """The expression that the index of one memory is on: its vectors, all of this dimension."""
    return f"(embedding::vector({dimension}))"


class NodeSpace(NamedTuple):
    """The vector space of a node; without vectors, `memory`, `dimension` and `indexed` are None."""

    available: bool
    memory: int | None
    dimension: int | None
    indexed: bool | None


def space_of_node(node_id: str) -> NodeSpace:
    """Raises VectorsNotAvailable."""
    [row] = VECTORS.execute(_SPACE_OF_NODE, {"node_id": node_id})
    space = NodeSpace(*row)
    if not space.available:
        raise VectorsNotAvailable
    return space


class MemorySpace(NamedTuple):
    """The vector space of a memory. `available`: whether there is a table of vectors."""

    available: bool
    dimension: int | None


def space_of_memory(memory: int) -> MemorySpace:
    [row] = VECTORS.execute(_DIMENSION, {"memory": memory})
    return MemorySpace(*row)


def count(memory: int) -> int:
    """How many vectors a memory has: 0 also where the table is missing."""
    space = space_of_memory(memory)
    if not space.available or space.dimension is None:
        return 0
    [(number,)] = VECTORS.execute(_COUNT, {"memory": memory})
    return int(number)
