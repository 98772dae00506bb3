"""`manage.py up`: the whole service under one supervisor, in the foreground."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from katoproject.processes import CannotStart
from katoproject.up import up


class Command(BaseCommand):
    help = "Start everything: PostgreSQL and Redis where no URL is set, migrations, web server, worker and beat."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            up(settings.ENV)
        except CannotStart as reason:
            raise CommandError(str(reason)) from None
