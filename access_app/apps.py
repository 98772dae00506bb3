"""The app of access keys."""

from django.apps import AppConfig


class AccessConfig(AppConfig):
    name = "access_app"
    verbose_name = "Access"
