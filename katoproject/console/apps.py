"""The console as an application: which site is `django.contrib.admin.site`."""

from django.contrib.admin.apps import AdminConfig


class ConsoleConfig(AdminConfig):
    default_site = "katoproject.console.site.Console"
