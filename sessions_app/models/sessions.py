"""Tables of sessions. Only the modules in `operations/` write them."""

from django.db import models

from foundation.postgresql.fields import TextFieldInC, TransactionIdField, VerbatimJSONField


class Session(models.Model):
    """One client's conversation with one node.

    The session owns four streams of entries (events, emotives, metadata, vectors). Positions in a stream start at 1 and
    are never reused; the live part is the window (start, end]. Appending moves `end`; clearing, learning and the limit
    of 1000 move `start`. So no operation rewrites a stored entry, and no reader sees an entry outside the window,
    whether its row is deleted yet or not.
    """

    id = TextFieldInC(primary_key=True)
    node_id = TextFieldInC()
    # The access key that created it; NULL where no key was needed.
    key_id = TextFieldInC(null=True)
    # The version of KATO that it was created for, by name; it never changes. NULL: older than contracts, so it follows
    # the service's default (see `foundation/contracts.py`).
    contract = TextFieldInC(null=True)
    created_at = models.DateTimeField()
    ttl_seconds = models.BigIntegerField()
    # The deadline, by the database's clock. A touch sets it a little further than now + ttl_seconds, so that not every
    # read has to write (see `expiry.py`).
    expires_at = models.DateTimeField()
    extended_until = models.DateTimeField(null=True)
    # A new one with every change of the content; no version ever names two contents (see `NEXT_VERSION`).
    version = models.BigIntegerField()
    config = models.JSONField(default=dict)
    metadata = VerbatimJSONField()
    time = models.BigIntegerField(db_default=0)
    percept = VerbatimJSONField(null=True)
    stm_start = models.BigIntegerField(db_default=0)
    stm_end = models.BigIntegerField(db_default=0)
    emotives_start = models.BigIntegerField(db_default=0)
    emotives_end = models.BigIntegerField(db_default=0)
    metadata_start = models.BigIntegerField(db_default=0)
    metadata_end = models.BigIntegerField(db_default=0)
    # Vectors that wait to be learned. No limit: a learn stores all of them.
    vectors_start = models.BigIntegerField(db_default=0)
    vectors_end = models.BigIntegerField(db_default=0)
    # An upper bound of the bytes of JSON in the four windows above: appending adds to it, a window that moves past an
    # entry takes nothing off. NULL: unknown. Beyond the limit, or unknown, the next append counts (see
    # `operations/locked_session.py`).
    content_bytes = models.BigIntegerField(null=True)
    # The STM and the accumulated emotives as the last observation left them. Its percept and predictions stay the same
    # when learning moves the windows above.
    seen_start = models.BigIntegerField(db_default=0)
    seen_end = models.BigIntegerField(db_default=0)
    seen_emotives_start = models.BigIntegerField(db_default=0)
    seen_emotives_end = models.BigIntegerField(db_default=0)

    class Meta:
        indexes = [
            models.Index(fields=["expires_at"], name="session_expires_at"),
            models.Index(fields=["created_at", "id"], name="session_created_at"),
            models.Index(fields=["node_id", "created_at", "id"], name="session_node"),
            models.Index(fields=["key_id"], name="session_key", condition=models.Q(key_id__isnull=False)),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Stream(models.IntegerChoices):
    EVENTS = 0
    EMOTIVES = 1
    METADATA = 2
    VECTORS = 3


class Entry(models.Model):
    """An entry of a stream of a session. No foreign key: the session's row lock already orders all writers."""

    pk = models.CompositePrimaryKey("session_id", "stream", "position")
    session_id = TextFieldInC()
    stream = models.SmallIntegerField(choices=Stream.choices)
    position = models.BigIntegerField()
    value = VerbatimJSONField()

    class Meta:
        verbose_name_plural = "entries"

    def __str__(self) -> str:
        return f"{self.session_id} {Stream(self.stream).label} {self.position}"


class SessionTotal(models.Model):
    """One row: how many sessions there were, in which snapshot of the database (see `operations/totals.py`)."""

    id = models.SmallIntegerField(primary_key=True)
    sessions = models.BigIntegerField()
    snapshot = models.TextField(null=True)
    # NULL: not counted yet, or wrong.
    counted_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.sessions} sessions"


class IdempotencyKey(models.Model):
    """The first response to a POST with an Idempotency-Key, committed together with its effect."""

    pk = models.CompositePrimaryKey("scope", "key")
    scope = TextFieldInC()
    key = TextFieldInC()
    fingerprint = models.BinaryField()
    answer = models.BinaryField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["created_at"], name="idempotencykey_created_at")]

    def __str__(self) -> str:
        return f"{self.scope} {self.key}"


class SessionEvent(models.Model):
    """An event for clients of `/ws/events`, committed together with its cause (see `operations/announcements.py`).

    A session is created once and destroyed once, and both again if a file restores it. The transaction's id comes first
    in the key, because the feed reads in that order; so new rows go to one end of the index.
    """

    class Kind(models.IntegerChoices):
        CREATED = 0
        DELETED = 1
        EXPIRED = 2

    pk = models.CompositePrimaryKey("changed", "session_id", "kind")
    changed = TransactionIdField()
    session_id = TextFieldInC()
    kind = models.SmallIntegerField(choices=Kind.choices)
    node_id = TextFieldInC(null=True)  # unknown in rows of earlier versions
    happened_at = models.DateTimeField()
    recorded_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["recorded_at"], name="sessionevent_recorded_at")]

    def __str__(self) -> str:
        return f"{self.session_id} {self.Kind(self.kind).label}"
