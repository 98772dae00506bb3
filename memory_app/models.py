"""Tables of the long-term memory. Patterns are the truth; symbol statistics are derived from them in memory."""

import hashlib

from django.db import models
from django.db.models import F, Value

from foundation.postgresql.fields import ExactNumberField, TextFieldInC, TransactionIdField, VerbatimJSONField


class Node(models.Model):
    """A tenant of the long-term memory, under the exact id that clients use (D29).

    `memory` is the number under which everything it knows is stored. clear-all gives the node a new, empty memory: one
    update however much there was, and what a concurrent learn writes belongs to either the old memory or the new one.
    """

    node_id = TextFieldInC(primary_key=True)
    memory = models.BigIntegerField(unique=True)
    # The moment of finalize-training: its statistics, and the snapshot that says which patterns existed then.
    finalized_statistics = VerbatimJSONField(null=True)
    finalized_snapshot = TextFieldInC(null=True)
    finalized_version = models.BigIntegerField(db_default=0)
    # How often a rebuild was requested: an index that was built under another number is rebuilt.
    rebuilt = models.BigIntegerField(db_default=0)
    # Changes with each act on patterns (`PatternAct`); 0 where there was none since the last clear-all.
    acts_version = models.BigIntegerField(db_default=0)
    # No transaction above it recorded an act that was forgotten since: what has followed acts only up to there or below
    # cannot follow them.
    acts_forgotten = TransactionIdField(db_default=Value("0"))

    def __str__(self) -> str:
        return str(self.node_id)


class ClearedMemory(models.Model):
    """A memory number that no node uses any more; a chore deletes its rows."""

    memory = models.BigIntegerField(primary_key=True)

    def __str__(self) -> str:
        return str(self.memory)


class Pattern(models.Model):
    """A learned pattern. `name`: the SHA-1 of its events, 20 bytes. `changed`: for the change feed (`index.py`).

    `felt`: by emotive, what its learns added to the affinity of each of its symbols: exact numbers, as texts. A purge
    takes that back. NULL: it is not known, because the pattern had emotives before there was such a record.
    """

    pk = models.CompositePrimaryKey("memory", "name")
    memory = models.BigIntegerField()
    name = models.BinaryField()
    events = VerbatimJSONField()
    length = models.IntegerField()
    frequency = models.BigIntegerField()
    emotives = VerbatimJSONField()
    metadata = VerbatimJSONField()
    created = TransactionIdField()
    changed = TransactionIdField()
    felt = VerbatimJSONField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["memory", "changed"], name="pattern_changed"),
            # An expression, so that no other statement uses it: it has the names, too, and while PostgreSQL does not
            # know how many patterns a memory has, it would find them by reading this index from one end to the other.
            models.Index(F("memory") + 0, "frequency", "name", name="pattern_frequency"),
        ]

    def __str__(self) -> str:
        return bytes(self.name).hex()


class Retirement(models.Model):
    """A pattern that its node must neither predict nor learn, whether it was ever learned or not.

    `purged`: what it added to the memory has been taken back, too, so it has no row in `Pattern`. `never_learned`: it
    had none when it was retired, so nothing but a limit bounds how many of these there are.
    """

    pk = models.CompositePrimaryKey("memory", "name")
    memory = models.BigIntegerField()
    name = models.BinaryField()
    purged = models.BooleanField(db_default=False)
    never_learned = models.BooleanField(db_default=False)

    class Meta:
        indexes = [
            # However many have been purged, those that are left are found at once.
            models.Index(fields=["memory", "name"], condition=models.Q(purged=False), name="not_purged"),
            models.Index(fields=["memory"], condition=models.Q(never_learned=True), name="never_learned"),
        ]

    def __str__(self) -> str:
        return bytes(self.name).hex()


class PatternAct(models.Model):
    """Who retired, un-retired or purged patterns, when and why; and for indexes, what they have to follow.

    It outlives what it is about: un-retire and clear-all delete a retirement, never its history. Of all nodes only the
    newest are kept. `key_id`: of the access key. `user`: the name of a user of the console, or of the operating system
    (`manage.py: ada`).
    """

    class Kind(models.TextChoices):
        RETIRED = "retired"
        UN_RETIRED = "un-retired"
        PURGED = "purged"

    number = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=10, choices=Kind)
    node_id = TextFieldInC()
    memory = models.BigIntegerField()
    happened_at = models.DateTimeField()
    key_id = models.TextField(null=True)
    user = models.TextField(null=True)
    trace_id = models.TextField(null=True)
    why = models.TextField(null=True)
    changed = TransactionIdField()

    class Meta:
        indexes = [
            models.Index(fields=["memory", "changed"], name="act_of_memory"),
            models.Index(fields=["changed"], name="act_changed"),
            models.Index(fields=["node_id", "number"], name="act_of_node"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.kind}"


class PatternOfAct(models.Model):
    """One of the patterns of a `PatternAct`. The later the act, the higher its `number` at a node.

    `frequency`, `exact`: of a purge, how often the pattern had been learned (0: never), and whether what it had added
    to affinities was known exactly.
    """

    number = models.BigAutoField(primary_key=True)
    act = models.BigIntegerField()
    name = models.BinaryField()
    frequency = models.BigIntegerField(null=True)
    exact = models.BooleanField(null=True)

    class Meta:
        indexes = [models.Index(fields=["act"], name="pattern_of_act")]

    def __str__(self) -> str:
        return bytes(self.name).hex()


class IndexWitness(models.Model):
    """An index file of some host, which the database vouches for (`index_files/witnesses.py`)."""

    witness = TextFieldInC(primary_key=True)
    memory = models.BigIntegerField()
    written_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.witness)


class VectorSpace(models.Model):
    """What the vectors of one memory have in common; it exists as soon as there is a vector.

    The vectors themselves are in `memory_app_vector` (memory, name, embedding), a table that exists where PostgreSQL
    has pgvector (see `vector_table.py`). `indexed`: there are so many that an HNSW index finds the nearest.
    """

    memory = models.BigIntegerField(primary_key=True)
    dimension = models.IntegerField()
    indexed = models.BooleanField(db_default=False)

    def __str__(self) -> str:
        return f"{self.memory}: {self.dimension} dimensions"


class SymbolAffinity(models.Model):
    """aff(x, e): the sum of what learning with emotive e added to symbol x."""

    pk = models.CompositePrimaryKey("memory", "symbol_key", "emotive_key")
    memory = models.BigIntegerField()
    symbol_key = models.BinaryField()
    emotive_key = models.BinaryField()
    symbol = TextFieldInC()
    emotive = TextFieldInC()
    value = ExactNumberField()
    changed = TransactionIdField(db_default=Value("0"))

    class Meta:
        verbose_name_plural = "symbol affinities"

    def __str__(self) -> str:
        return f"{self.symbol} {self.emotive}"


def affinity_key(text: str) -> bytes:
    """The key of a symbol or an emotive: its SHA-1, because texts may be longer than what PostgreSQL can index."""
    return hashlib.sha1(text.encode(), usedforsecurity=False).digest()
