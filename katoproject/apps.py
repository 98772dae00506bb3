"""The project as an application: templates, static files, commands, and the console's groups."""

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


class KatoConfig(AppConfig):
    name = "katoproject"

    def ready(self) -> None:
        from katoproject.console.groups import make_groups

        # The last application of ours: by then Django has made the permissions of all.
        post_migrate.connect(make_groups, sender=apps.get_app_config("sessions_app"))
