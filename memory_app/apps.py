"""The app of the long-term memory."""

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate

from memory_app import vector_table


class MemoryConfig(AppConfig):
    name = "memory_app"
    verbose_name = "Memory"

    def ready(self) -> None:
        post_migrate.connect(_prepare_vectors, sender=self)


def _prepare_vectors(**_: Any) -> None:
    """After every `migrate`, not once in a migration: pgvector may be installed later."""
    vector_table.prepare()
