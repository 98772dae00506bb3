"""Stores and databases with all tables, copied from what is made once in a run: to migrate takes seconds."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from django.conf import settings
from psycopg import sql
from psycopg.conninfo import make_conninfo

from benchmarks.stack import Stores, manage
from benchmarks.stack.template import MIGRATED, Template

_PLACE = "KATO_TEST_TEMPLATE"


def make_template() -> None:
    """For this process and those that it starts."""
    folder = Path(os.environ["KATO_DATA_DIR"]).with_name("template")
    Template(folder).make()
    os.environ[_PLACE] = str(folder)


def copy_if_made(data: Path) -> None:
    if place := os.environ.get(_PLACE):
        Template(Path(place)).copy_to(data)


def own_stores(data: Path) -> Stores:
    """Stores of a test file's own, with a migrated database. They are not started yet."""
    if _PLACE not in os.environ:
        make_template()
    copy_if_made(data)
    return Stores(data, private=True)


@contextmanager
def own_database(name: str) -> Iterator[str]:
    """The address of a migrated database beside that of the run."""
    parts = settings.DATABASES["default"]
    address = {"host": parts["HOST"], "port": parts["PORT"], "user": parts["USER"]}
    with psycopg.connect(dbname="kato", **address, autocommit=True) as maker:
        if not maker.execute("SELECT FROM pg_database WHERE datname = %s", [MIGRATED]).rowcount:
            maker.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(MIGRATED)))
            migrated = make_conninfo(dbname=MIGRATED, **address)
            manage("migrate", "--verbosity=0", "--skip-checks", DATABASE_URL=migrated)
        made, template = sql.Identifier(name), sql.Identifier(MIGRATED)
        maker.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(made, template))
        try:
            yield make_conninfo(dbname=name, **address)
        finally:
            maker.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(made))
