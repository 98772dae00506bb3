"""The console as an application: which site is `django.contrib.admin.site`, and when its pages are imported."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from django.apps import AppConfig
from django.contrib import admin
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.admin.checks import check_admin_app, check_dependencies
from django.core import checks


class ConsoleConfig(SimpleAdminConfig):
    """Discovers no pages at the start of a process: `katoproject/urls.py` does, and so does the check of them."""

    default_site = "katoproject.console.site.Console"

    def ready(self) -> None:
        checks.register(check_dependencies, checks.Tags.admin)
        checks.register(_check_pages, checks.Tags.admin)


def discover_pages() -> None:
    """Register the pages of all applications, then those that replace Django's own."""
    admin.autodiscover()
    import_module("katoproject.console.admin")


def _check_pages(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Django's own check, which examines the pages that are registered: without this it could find none."""
    discover_pages()
    return check_admin_app(app_configs, **kwargs)
