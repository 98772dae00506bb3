"""Whether the tables are those of this program."""

from functools import cache

from django.db.migrations.loader import MigrationLoader

from foundation.postgresql.fitness import Unfit
from foundation.postgresql.statements import OTHER
from foundation.postgresql.trouble import WrongSchema

_APPLIED = "SELECT app, name FROM django_migrations"


class NotMigrated(Unfit):
    def __init__(self, missing: list[str]) -> None:
        super().__init__(f"migrations are not applied: {', '.join(missing)}", "run `manage.py migrate`")


@cache
def _known() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationLoader(None).disk_migrations)


def check() -> None:
    """Raises NotMigrated. A database that a newer program has migrated is fine."""
    try:
        applied = OTHER.execute(_APPLIED, {})
    except WrongSchema:
        applied = []
    if missing := _known().difference(applied):
        raise NotMigrated(sorted(map(".".join, missing)))
