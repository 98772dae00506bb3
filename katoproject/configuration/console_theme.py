"""The setting UNFOLD: the appearance of the console, and its menu."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy

from katoproject.configuration.environment import Environment


def _may(permission: str) -> Callable[[HttpRequest], bool]:
    return lambda request: request.user.has_perm(permission)


def _item(title: str, icon: str, model: str) -> dict[str, Any]:
    """A menu entry for the list of a model, given as `app.model`."""
    app, _, name = model.partition(".")
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app}_{name}_changelist"),
        "permission": _may(f"{app}.view_{name}"),
    }


def unfold(environment: Environment) -> dict[str, Any]:
    kind = "danger" if environment.environment == "production" else "info"
    # The blue of Tailwind's palette, in place of Unfold's purple.
    blue = {
        "50": "#eff6ff",
        "100": "#dbeafe",
        "200": "#bfdbfe",
        "300": "#93c5fd",
        "400": "#60a5fa",
        "500": "#3b82f6",
        "600": "#2563eb",
        "700": "#1d4ed8",
        "800": "#1e40af",
        "900": "#1e3a8a",
        "950": "#172554",
    }
    return {
        "SITE_TITLE": "KATO",
        "SITE_HEADER": "KATO",
        "SITE_SUBHEADER": environment.service_name,
        "SITE_SYMBOL": "neurology",
        "SITE_URL": "/docs" if environment.docs_enabled else "/",
        "SHOW_VIEW_ON_SITE": False,
        "ENVIRONMENT": lambda request: [environment.environment, kind],
        "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("console/icon.svg")}],
        "STYLES": [lambda request: static("console/console.css")],
        "COLORS": {"primary": blue},
        "SIDEBAR": {
            "navigation": [
                {
                    "items": [
                        {"title": "Overview", "icon": "monitoring", "link": reverse_lazy("admin:index")},
                        _item("Sessions", "forum", "sessions_app.session"),
                        _item("Nodes", "hub", "memory_app.node"),
                        _item("Jobs", "manufacturing", "sessions_app.job"),
                        _item("Access keys", "key", "access_app.accesskey"),
                    ],
                },
                {
                    "title": "People",
                    "separator": True,
                    "items": [_item("Users", "person", "auth.user"), _item("Groups", "group", "auth.group")],
                },
            ],
        },
    }
