"""A data folder with a migrated database, made once and copied for all that would make the same."""

import os
import random
import shutil
import subprocess
from pathlib import Path

from benchmarks.stack.stores import Stores
from benchmarks.stack.web import WebServer
from katoproject.configuration.locations import postgres_url
from katoproject.launcher import postgres

MIGRATED = "with_all_tables"
"""A database of each copy that nobody connects to, so that others can be made from it."""

_NUMBERS = range(1_000_000, 1 << 31)  # above those that PostgreSQL gives to what a test creates


class Template:
    """What `manage.py up` makes at its first start, except secrets: each copy gets its own."""

    def __init__(self, data: Path) -> None:
        self._data = data

    def make(self) -> None:
        stores = Stores(self._data, private=True)
        stores.start_one("postgres")
        try:
            WebServer(KATO_DATA_DIR=str(self._data), DATABASE_URL=postgres_url(self._data)).prepare()
        finally:
            stores.stop_one("postgres")
        postgres.run_alone(self._data, f"ALTER DATABASE kato RENAME TO {MIGRATED};\n")

    def copy_to(self, data: Path) -> None:
        """Make a data folder whose database is another one than those of all other copies: it has its own number."""
        data.mkdir(parents=True, exist_ok=True)
        if (programs := self._data / "bin").exists():
            shutil.copytree(programs, data / "bin", copy_function=os.link)
        # Unlike shutil, it keeps the owner.
        copied = [str(self._data / name) for name in ("postgres", "static")]
        subprocess.run(["cp", "-pR", *copied, str(data)], check=True)
        number = random.SystemRandom().choice(_NUMBERS)
        postgres.run_alone(data, f"CREATE DATABASE kato TEMPLATE {MIGRATED} OID {number};\n")
        WebServer.take_as_prepared(postgres_url(data), data)
