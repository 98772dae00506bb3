"""`manage.py up`: the whole service under one supervisor, in the foreground."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from katoproject.processes import CannotStart
from katoproject.up import up


class Command(BaseCommand):
    help = "Start everything: PostgreSQL and Redis where no URL is set, migrations, web server, worker and beat."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--stores",
            action="store_true",
            help="only PostgreSQL and Redis, to restore a back-up into (docs/operations.md)",
        )

    def handle(self, *args: Any, stores: bool, **options: Any) -> None:
        try:
            up(settings.ENV, only_stores=stores)
        except CannotStart as reason:
            raise CommandError(str(reason)) from None
