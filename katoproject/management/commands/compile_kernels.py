"""`manage.py compile_kernels`: what predictions run on, compiled before anybody waits for it."""

from typing import Any

from django.core.management.base import BaseCommand

from engine.warm import warm


class Command(BaseCommand):
    help = "Compile the kernels of the engine: about a minute for a new version of it, otherwise a second."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        warm()
