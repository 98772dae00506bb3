"""Tables of access keys. Only `operations.py` writes them."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from foundation.callers import Scope
from foundation.postgresql.fields import TextFieldInC

# The clock of the database decides it, as it does for requests.
_STATE = {
    "state": models.Case(
        models.When(revoked_at__isnull=False, then=models.Value("revoked")),
        models.When(expires_at__lte=Now(), then=models.Value("expired")),
        default=models.Value("valid"),
    )
}


class _AccessKeys(models.Manager["AccessKey"]):
    def get_queryset(self) -> models.QuerySet["AccessKey"]:
        return super().get_queryset().annotate(**_STATE)


class AccessKey(models.Model):
    """A key to the API. Its token is shown once, when it is created or rotated; here is only the token's SHA-256.

    What a key may do never changes: to change it, create another key.
    """

    id = TextFieldInC(primary_key=True)
    # Unique among the keys that are not revoked.
    name = models.TextField()
    digest = models.BinaryField()
    # After a rotation the former token is valid, too, until then.
    previous_digest = models.BinaryField(null=True)
    previous_until = models.DateTimeField(null=True)
    scopes = ArrayField(models.TextField(choices=[(scope.value, scope.value) for scope in Scope]))
    # Prefixes of node ids; NULL for all nodes.
    nodes = ArrayField(models.TextField(), null=True)
    # Those of `limits.Limits` that are set, by name.
    limits = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    # To the minute.
    last_used_at = models.DateTimeField(null=True)

    # `valid`, `expired` or `revoked`, of keys that a query found.
    state: str

    objects = _AccessKeys()

    class Meta:
        ordering = ["name", "created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["name"], name="accesskey_name", condition=models.Q(revoked_at__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return str(self.name)

    @property
    def shown_scopes(self) -> str:
        return ", ".join(self.scopes)

    @property
    def shown_nodes(self) -> str:
        return "all" if self.nodes is None else ", ".join(f"{prefix}…" for prefix in self.nodes)


class AccessVersion(models.Model):
    """One row: the version of the table of keys. Every operation on a key moves it on.

    Each process holds the keys in memory as of a version. The statement that admits a request compares that version
    with this row, so that a revoked key is refused at once, in every process.
    """

    id = models.SmallIntegerField(primary_key=True)
    version = models.BigIntegerField()

    def __str__(self) -> str:
        return str(self.version)
