"""The vectors that nodes have learned, and the nearest of them: pgvector, Euclidean distance (engine.md 2.3)."""

from collections.abc import Iterable
from itertools import islice

from pydantic_core import to_json

from engine.named_vectors import NEIGHBOURS, VECTOR_PREFIX, NamedVector
from memory_app.errors import VectorDimensionError, VectorsNotAvailable
from memory_app.stores import VECTORS
from memory_app.vector_table import indexed_expression, space_of_memory, space_of_node

# Of two transactions that are first, with different dimensions, the second waits for the first, and then fails.
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
_NEW_STAGE = "SELECT nextval('memory_app_memory')"
_DELETE_STAGE = "DELETE FROM memory_app_vector WHERE memory = %(memory)s"

_BATCH = 500  # vectors that one statement inserts

_Neighbours = set[tuple[float, str]]  # distance and hexadecimal name


class NodeVectors:
    """The vectors of one node as one transaction sees them, including those that the transaction itself learned.

    `store` gives what was learned to the node, all at once and in the order of the names, so that transactions that
    learn the same vectors wait for each other, but never in a circle. Before that, a search finds it on the *stage*:
    the same table, under a memory number that no other transaction knows.
    """

    def __init__(self, node_id: str) -> None:
        self.node_id = node_id
        self._dimension_of_node: int | None = None
        self._learned: dict[str, NamedVector] = {}
        self._stage: int | None = None
        self._staged = 0  # how many of those learned are on the stage, in their order

    @property
    def dimension(self) -> int | None:
        """The dimension that all vectors must have, as far as this object knows; None before the first vector."""
        first_learned = next(iter(self._learned.values()), None)
        return self._dimension_of_node or (first_learned.dimension if first_learned else None)

    def __bool__(self) -> bool:
        """Whether there is anything to store."""
        return bool(self._learned)

    def learn(self, vectors: Iterable[NamedVector]) -> None:
        """Raises VectorDimensionError."""
        for vector in vectors:
            self._check(vector)
            self._learned.setdefault(vector.name, vector)

    def nearest(self, vector: NamedVector) -> list[str]:
        """Names of the stored vectors nearest to this one: nearest first, equally near ones by name.

        Raises VectorDimensionError, VectorsNotAvailable.
        """
        space = space_of_node(self.node_id)
        self._dimension_of_node = space.dimension
        for one in (*islice(self._learned.values(), 1), vector):
            self._check(one)
        found = _Neighbours()
        if space.memory is not None:
            found |= _search(space.memory, vector, indexed=bool(space.indexed), of_a_node=True)
        if self._learned:
            found |= _search(self._put_on_stage(), vector)
        return [VECTOR_PREFIX + name for _, name in sorted(found)[:NEIGHBOURS]]

    def _put_on_stage(self) -> int:
        if self._stage is None:
            [(self._stage,)] = VECTORS.execute(_NEW_STAGE, {})
        _insert(self._stage, list(self._learned.values())[self._staged :])
        self._staged = len(self._learned)
        return self._stage

    def store(self, memory: int) -> None:
        """Give what was learned to the node. Its row must be locked; `memory` is the memory number in that row.

        Raises VectorDimensionError, VectorsNotAvailable.
        """
        self._dimension_of_node = _claim_dimension(memory, self.dimension)
        for vector in self._learned.values():
            self._check(vector)
        _insert(memory, list(self._learned.values()))
        if self._stage is not None:
            VECTORS.execute(_DELETE_STAGE, {"memory": self._stage})

    def _check(self, vector: NamedVector) -> None:
        expected = self.dimension
        if expected is not None and expected != vector.dimension:
            raise VectorDimensionError(vector, expected=expected)


def _search(memory: int, vector: NamedVector, *, indexed: bool = False, of_a_node: bool = False) -> _Neighbours:
    """The nearest vectors of one memory.

    The memory number is part of the statement's text. So PostgreSQL plans each search for the size of this memory (with
    one plan for all, a node of ten vectors would pay for another node's hundred thousand) and finds its partial index.
    """
    # If the memory was cleared after its number was read, half of its vectors may be deleted by now.
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


def _claim_dimension(memory: int, dimension: int | None) -> int:
    """The dimension of a memory's vectors; from now on the given one if it had none. Raises VectorsNotAvailable."""
    while True:
        space = space_of_memory(memory)
        if not space.available:
            raise VectorsNotAvailable
        if space.dimension is not None:
            return space.dimension
        VECTORS.execute(_CLAIM_DIMENSION, {"memory": memory, "dimension": dimension})


def _insert(memory: int, vectors: list[NamedVector]) -> None:
    vectors = sorted(vectors, key=lambda vector: vector.name)
    for begin in range(0, len(vectors), _BATCH):
        batch = vectors[begin : begin + _BATCH]
        names = [vector.name.removeprefix(VECTOR_PREFIX) for vector in batch]
        VECTORS.execute(_INSERT, {"memory": memory, "names": names, "embeddings": [_text(vector) for vector in batch]})
