"""The project as an application: templates, static files, commands, and the console's groups."""

from django.apps import AppConfig, apps
from django.core import checks
from django.db.models.signals import post_migrate

from foundation.metrics.folder import create_folder
from katoproject.configuration.deployment import check_deployment
from katoproject.configuration.kernels import configure_kernels
from katoproject.configuration.locations import data_dir


class KatoConfig(AppConfig):
    name = "katoproject"

    def ready(self) -> None:
        """What every process needs once before it works; Django calls this at the end of its set-up."""
        from katoproject.console.groups import make_groups

        checks.register(check_deployment, checks.Tags.security, deploy=True)
        configure_kernels(data_dir())
        create_folder()
        # Sent for one application after the other, and this is our last: by then all permissions exist.
        post_migrate.connect(make_groups, sender=apps.get_app_config("sessions_app"))
