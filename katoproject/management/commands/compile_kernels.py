"""`manage.py compile_kernels`: what predictions run on, compiled before anybody waits for it."""

from typing import Any

from django.core.management.base import BaseCommand

from katoproject.kernels import compile_all


class Command(BaseCommand):
    help = "Compile the kernels of the engine, unless that has been done for this version of it."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        compile_all()
