"""The vectors that nodes have learned, and the nearest of them: pgvector, Euclidean distance (engine.md 2.3).

All vectors of a memory have one dimension, that of the first. It is a row of its own (`VectorSpace`), claimed by
whoever inserts it: of two transactions that are first, with different dimensions, one waits for the other and fails.
"""

import logging
from collections.abc import Iterable
from itertools import islice

from django.db import ProgrammingError, transaction
from psycopg.errors import InsufficientPrivilege
from pydantic_core import to_json

from engine.vectors import NEIGHBOURS, VECTOR_PREFIX, NamedVector
from memory_app.errors import VectorDimensionError, VectorsNotAvailable
from memory_app.stores import VECTORS

log = logging.getLogger(__name__)

MAX_DIMENSION = 16_000
"""What pgvector's type takes."""
LARGEST_NUMBER = 3.4028234663852886e38
"""The largest that fits into the 4 bytes in which pgvector keeps a number."""

AVAILABLE = """
    EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('memory_app_vector') AND attname = 'embedding'
        AND NOT attisdropped)
"""
_INSTALLED = f"SELECT {AVAILABLE}, EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector')"
# MAIN: up to about 2,000 dimensions stay in the row itself, where a scan reads them four times as fast as elsewhere.
_PREPARE = (
    "CREATE EXTENSION IF NOT EXISTS vector",
    # One whose vectors went with a dropped extension: only their names are left.
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
_CLAIM_DIMENSION = """
    INSERT INTO memory_app_vectorspace (memory, dimension) VALUES (%(memory)s, %(dimension)s)
    ON CONFLICT (memory) DO NOTHING
"""
_INSERT = """
    INSERT INTO memory_app_vector (memory, name, embedding)
    SELECT %(memory)s, decode(learned.name, 'hex'), learned.embedding::vector
    FROM unnest(%(names)s::text[], %(embeddings)s::text[]) AS learned (name, embedding)
    ORDER BY learned.name ON CONFLICT (memory, name) DO NOTHING
"""
_COUNT = "SELECT count(*) FROM memory_app_vector WHERE memory = %(memory)s"
_DELETE = """
    DELETE FROM memory_app_vector WHERE memory = %(memory)s AND name = ANY(ARRAY(
        SELECT name FROM memory_app_vector WHERE memory = %(memory)s LIMIT %(limit)s)) RETURNING 1
"""
_DELETE_STAGE = "DELETE FROM memory_app_vector WHERE memory = %(memory)s"
_DELETE_SPACE = "DELETE FROM memory_app_vectorspace WHERE memory = %(memory)s"

_BATCH = 500  # vectors that one statement inserts

_Found = set[tuple[float, str]]  # distance and hexadecimal name


def prepare() -> None:
    """Make the table of vectors, where pgvector can be had and there is none. Repeating it does no harm."""
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
    except ProgrammingError as error:
        if not isinstance(error.__cause__, InsufficientPrivilege):
            raise
        log.warning(
            "Observations with vectors will be refused until a superuser has run CREATE EXTENSION vector "
            "in this database and `manage.py migrate` was run again: %s",
            error,
        )


class NodeVectors:
    """The vectors of one node as one transaction sees them: those that it learned itself included.

    What was learned becomes the node's in `store`, all at once and in the order of the names, so that transactions that
    learn the same vectors wait for each other and never in a circle. A search before that finds it on the *stage*: the
    same table under a memory number that nobody else knows.
    """

    def __init__(self, node_id: str) -> None:
        self.node_id = node_id
        self._dimension_of_node: int | None = None
        self._learned: dict[str, NamedVector] = {}
        self._stage: int | None = None
        self._on_stage = 0  # how many of those learned, in their order

    @property
    def dimension(self) -> int | None:
        """What all vectors must have, as far as it was looked at; None if the first one is still to come."""
        first_learned = next(iter(self._learned.values()), None)
        return self._dimension_of_node or (first_learned.dimension if first_learned else None)

    def __bool__(self) -> bool:
        """Is there anything to store?"""
        return bool(self._learned)

    def learn(self, vectors: Iterable[NamedVector]) -> None:
        """Raises VectorDimensionError."""
        for vector in vectors:
            self._check(vector)
            self._learned.setdefault(vector.name, vector)

    def nearest(self, vector: NamedVector) -> list[str]:
        """Names of the stored vectors next to this one, nearest first, equally near ones by name.

        Raises VectorDimensionError, VectorsNotAvailable.
        """
        [(available, memory, self._dimension_of_node, indexed)] = VECTORS.execute(
            _SPACE_OF_NODE, {"node_id": self.node_id}
        )
        if not available:
            raise VectorsNotAvailable
        for one in (*islice(self._learned.values(), 1), vector):
            self._check(one)
        found: _Found = set() if memory is None else _search(memory, vector, indexed=indexed, of_a_node=True)
        if self._learned:
            found |= _search(self._put_on_stage(), vector)
        return [VECTOR_PREFIX + name for _, name in sorted(found)[:NEIGHBOURS]]

    def _put_on_stage(self) -> int:
        if self._stage is None:
            [(self._stage,)] = VECTORS.execute("SELECT nextval('memory_app_memory')", {})
        _insert(self._stage, list(self._learned.values())[self._on_stage :])
        self._on_stage = len(self._learned)
        return self._stage

    def store(self, memory: int) -> None:
        """Make what was learned the node's. Its row must be locked; `memory` is what that says.

        Raises VectorDimensionError, VectorsNotAvailable.
        """
        self._dimension_of_node = _dimension(memory, claim=self.dimension)
        for vector in self._learned.values():
            self._check(vector)
        _insert(memory, list(self._learned.values()))
        if self._stage is not None:
            VECTORS.execute(_DELETE_STAGE, {"memory": self._stage})

    def _check(self, vector: NamedVector) -> None:
        expected = self.dimension
        if expected is not None and expected != vector.dimension:
            raise VectorDimensionError(vector, expected=expected)


def dimension_of(node_id: str) -> int | None:
    """Of the node's vectors; None if it has none. Raises VectorsNotAvailable."""
    [(available, _, dimension, _)] = VECTORS.execute(_SPACE_OF_NODE, {"node_id": node_id})
    if not available:
        raise VectorsNotAvailable
    return None if dimension is None else int(dimension)


def indexed_expression(dimension: int) -> str:
    """What an index of one memory is on: its vectors, all of this dimension."""
    return f"(embedding::vector({dimension}))"


def _search(memory: int, vector: NamedVector, *, indexed: bool = False, of_a_node: bool = False) -> _Found:
    """The nearest of one memory.

    The memory's number is part of the text, so each search is planned for the size of this memory: with one plan for
    all, a node of ten vectors would pay for another's hundred thousand. And the index of a memory is found by it.
    """
    # Of a memory that was cleared after its number was read, half may be deleted by now.
    still_there = f"EXISTS (SELECT FROM memory_app_node WHERE memory = {memory})" if of_a_node else "true"
    nearest = f"""
        SELECT {indexed_expression(vector.dimension) if indexed else "embedding"} <-> %(vector)s::vector AS distance,
            encode(name, 'hex')
        FROM memory_app_vector WHERE memory = {memory} AND {still_there}
        ORDER BY distance, memory_app_vector.name LIMIT {NEIGHBOURS}
    """
    return {(distance, name) for distance, name in VECTORS.execute(nearest, {"vector": _text(vector)}, prepare=False)}


def _text(vector: NamedVector) -> str:
    return to_json(vector.values).decode()


def _dimension(memory: int, *, claim: int | None) -> int:
    """The dimension of a memory's vectors, from now on `claim` if it had none. Raises VectorsNotAvailable."""
    [(available, dimension)] = VECTORS.execute(_DIMENSION, {"memory": memory})
    if not available:
        raise VectorsNotAvailable
    if dimension is None:
        VECTORS.execute(_CLAIM_DIMENSION, {"memory": memory, "dimension": claim})
        [(_, dimension)] = VECTORS.execute(_DIMENSION, {"memory": memory})
    return int(dimension)


def _insert(memory: int, vectors: list[NamedVector]) -> None:
    vectors = sorted(vectors, key=lambda vector: vector.name)
    for begin in range(0, len(vectors), _BATCH):
        batch = vectors[begin : begin + _BATCH]
        names = [vector.name.removeprefix(VECTOR_PREFIX) for vector in batch]
        VECTORS.execute(_INSERT, {"memory": memory, "names": names, "embeddings": [_text(vector) for vector in batch]})


def count(memory: int) -> tuple[int, int | None]:
    """How many vectors a memory has, and their dimension: None where it has none, or pgvector is not there."""
    [(available, dimension)] = VECTORS.execute(_DIMENSION, {"memory": memory})
    if not available or dimension is None:
        return 0, None
    [(number,)] = VECTORS.execute(_COUNT, {"memory": memory})
    return int(number), int(dimension)


def delete(memory: int, *, limit: int) -> bool:
    """Delete up to `limit` vectors of a memory that no node has any more; answers whether there were any."""
    [(available, dimension)] = VECTORS.execute(_DIMENSION, {"memory": memory})
    if dimension is None:
        return False
    if available and VECTORS.execute(_DELETE, {"memory": memory, "limit": limit}):
        return True
    VECTORS.execute(_DELETE_SPACE, {"memory": memory})
    return False
