"""What `manage.py check --deploy` says of settings that are allowed, but that strangers should seldom meet."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Warning

from katoproject.configuration.exposure import strangers


def check_deployment(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    env = settings.ENV
    found: list[CheckMessage] = []
    if not env.needs_keys and (let_in := strangers(env)):
        found.append(
            Warning(
                f"No key is needed: {let_in} may read and change every session.",
                hint="Set KATO_ACCESS=keys.",
                id="kato.W001",
            )
        )
    if any(network.prefixlen == 0 for network in env.trusted_proxies):
        found.append(
            Warning(
                "KATO_TRUSTED_PROXIES names every address, so each client may say which one it has.",
                hint="Name the addresses of the proxies.",
                id="kato.W002",
            )
        )
    if "*" in env.allowed_hosts:
        found.append(
            Warning(
                "KATO_ALLOWED_HOSTS takes every host name, so a page whose name leads here is of the same origin.",
                hint="Name the hosts by which clients know the service.",
                id="kato.W003",
            )
        )
    if "*" in env.cors_origins:
        found.append(
            Warning(
                "CORS_ORIGINS lets the pages of all origins read responses.",
                hint="Name the origins of the pages that use the service.",
                id="kato.W004",
            )
        )
    return found
