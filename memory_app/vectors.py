"""The vectors that nodes have learned, and the nearest of them: pgvector, Euclidean distance (engine.md 2.3)."""

from collections import deque
from collections.abc import Iterable
from itertools import islice
from time import perf_counter
from typing import NamedTuple

from django.conf import settings
from pydantic_core import to_json

from engine.named_vectors import NEIGHBOURS, VECTOR_PREFIX, NamedVector
from memory_app.errors import NeighboursTakeTooLong, VectorDimensionError, VectorsNotAvailable
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
    FROM unnest(%(names)b::text[], %(embeddings)b::text[]) AS learned (name, embedding)
    ORDER BY learned.name ON CONFLICT (memory, name) DO NOTHING
"""
_NEW_STAGE = "SELECT nextval('memory_app_memory')"
_DELETE_STAGE = "DELETE FROM memory_app_vector WHERE memory = %(memory)s"

_BATCH = 500  # vectors that one statement inserts
_SEARCHES = 128  # vectors whose neighbours one statement finds
_LONG_SEARCH = 0.25  # seconds, after which it becomes fewer

NEIGHBOUR_SECONDS: float = settings.ENV.limit_neighbour_seconds

_Neighbours = set[tuple[float, str]]  # distance and hexadecimal name


class Neighbour(NamedTuple):
    """A stored vector; distance: to the one that was asked about."""

    name: str
    distance: float


class NodeVectors:
    """The vectors of one node as one transaction sees them, including those that the transaction itself learned.

    most: how many neighbours a vector has.

    `store` gives what was learned to the node, all at once and in the order of the names, so that transactions that
    learn the same vectors wait for each other, but never in a circle. Before that, a search finds it on the *stage*:
    the same table, under a memory number that no other transaction knows.
    """

    def __init__(self, node_id: str, *, most: int = NEIGHBOURS) -> None:
        self.node_id = node_id
        self.most = most
        self._expected = deque[NamedVector]()
        self._at_once = 1
        self._seconds, self._spent = float("inf"), 0.0
        self._found: dict[str, _Neighbours] = {}  # by name: the nearest of the node, for some of those expected
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

    def expect(self, vectors: Iterable[NamedVector], *, seconds: float = float("inf")) -> None:
        """The neighbours of these vectors will be asked for, in this order: so one statement can find those of many.

        seconds: how long that may take in all.
        """
        self._expected.extend(vectors)
        self._seconds = seconds

    def learn(self, vectors: Iterable[NamedVector]) -> None:
        """Raises VectorDimensionError."""
        for vector in vectors:
            self._check(vector)
            self._learned.setdefault(vector.name, vector)

    def check(self, vector: NamedVector) -> None:
        """Without a search: that the vector could be learned. Raises VectorDimensionError, VectorsNotAvailable."""
        if self._dimension_of_node is None:
            self._dimension_of_node = space_of_node(self.node_id).dimension
        self._check_with_learned(vector)

    def nearest(self, vector: NamedVector) -> list[str]:
        """The names of `search`. Raises as that does."""
        return [neighbour.name for neighbour in self.search(vector)]

    def search(self, vector: NamedVector) -> list[Neighbour]:
        """The stored vectors nearest to this one: nearest first, equally near ones by name.

        Raises VectorDimensionError, VectorsNotAvailable, NeighboursTakeTooLong.
        """
        begun = perf_counter()
        found = set(self._of_node(vector))
        if self._learned:
            [of_stage] = _search(self._put_on_stage(), [vector], most=self.most)
            found |= of_stage
        self._spent += perf_counter() - begun
        if self._spent > self._seconds:
            raise NeighboursTakeTooLong(self._seconds)
        return [Neighbour(VECTOR_PREFIX + name, distance) for distance, name in sorted(found)[: self.most]]

    def _of_node(self, vector: NamedVector) -> _Neighbours:
        """The nearest that the node has stored, found together with those of the vectors that are expected next."""
        if vector.name in self._found:
            self._check(vector)
            return self._found[vector.name]
        space = space_of_node(self.node_id)
        self._dimension_of_node = space.dimension
        self._check_with_learned(vector)
        if space.memory is None:
            return set()
        batch = self._next_batch(vector)
        begun = perf_counter()
        found = _search(space.memory, batch, most=self.most, indexed=bool(space.indexed), of_a_node=True)
        # A statement of many large vectors must not take longer than a statement may.
        self._at_once = min(2 * self._at_once, _SEARCHES) if perf_counter() - begun < _LONG_SEARCH else 1
        self._found = dict(zip((one.name for one in batch), found, strict=True))
        return self._found[vector.name]

    def _next_batch(self, vector: NamedVector) -> list[NamedVector]:
        batch = {vector.name: vector}
        if self._expected and self._expected[0].name == vector.name:
            self._expected.popleft()
        while self._expected and len(batch) < self._at_once:
            one = self._expected.popleft()
            if one.dimension == vector.dimension:
                batch.setdefault(one.name, one)
        return list(batch.values())

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

    def _check_with_learned(self, vector: NamedVector) -> None:
        for one in (*islice(self._learned.values(), 1), vector):
            self._check(one)

    def _check(self, vector: NamedVector) -> None:
        expected = self.dimension
        if expected is not None and expected != vector.dimension:
            raise VectorDimensionError(vector, expected=expected)


def _search(
    memory: int, vectors: list[NamedVector], *, most: int, indexed: bool = False, of_a_node: bool = False
) -> list[_Neighbours]:
    """The `most` nearest vectors of one memory, for each of these vectors of one dimension.

    The memory number is part of the statement's text. So PostgreSQL plans each search for the size of this memory (with
    one plan for all, a node of ten vectors would pay for another node's hundred thousand) and finds its partial index.
    """
    # If the memory was cleared after its number was read, half of its vectors may be deleted by now. If all vectors
    # were purged, those that it has now may have another dimension. Asked once, before the first row.
    still_there = "true"
    if of_a_node:
        still_there = f"""EXISTS (
            SELECT FROM memory_app_node JOIN memory_app_vectorspace USING (memory)
            WHERE memory = {memory} AND dimension = {vectors[0].dimension})"""
    distance = f"{indexed_expression(vectors[0].dimension) if indexed else 'embedding'} <-> given.vector"
    nearest = f"""
        SELECT given.number, distance, encode(name, 'hex')
        FROM (
            SELECT number, text::vector AS vector
            FROM unnest(%(vectors)b::text[]) WITH ORDINALITY AS sent (text, number) OFFSET 0
        ) AS given, LATERAL (
            SELECT {distance} AS distance, name
            FROM memory_app_vector WHERE memory = {memory} AND {still_there}
            ORDER BY distance, memory_app_vector.name LIMIT {most}
        ) AS stored
    """
    found = [_Neighbours() for _ in vectors]
    parameters = {"vectors": [_text(vector) for vector in vectors]}
    for number, distance, name in VECTORS.execute(nearest, parameters, prepare=False):
        found[number - 1].add((distance, name))
    return found


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
