"""The permissions of operators: three groups, each with all permissions of the one before.

Django's permissions on the models stand for operations here: `change_session` for expire, extend and clear,
`change_pattern` for retiring patterns, `delete_node` for making a node forget. The groups belong to the service: every
`migrate` resets them to exactly these permissions. For another set, create another group.
"""

from typing import Any

from django.contrib.auth.models import Group, Permission
from django.db.models import Q

VIEWER = (
    *("sessions_app.view_session", "sessions_app.view_job", "memory_app.view_node", "memory_app.view_pattern"),
    "access_app.view_accesskey",
)
OPERATOR = (
    *VIEWER,
    *("sessions_app.change_session", "sessions_app.delete_session", "sessions_app.change_job"),
    "memory_app.change_pattern",
)
ADMINISTRATOR = (
    *OPERATOR,
    "memory_app.delete_node",
    # To create, rotate and revoke keys.
    *("access_app.add_accesskey", "access_app.change_accesskey", "access_app.delete_accesskey"),
    "auth.view_user",
    "auth.add_user",
    "auth.change_user",
    "auth.delete_user",
    "auth.view_group",
)
GROUPS = {"viewer": VIEWER, "operator": OPERATOR, "administrator": ADMINISTRATOR}


def make_groups(**signal: Any) -> None:
    """The receiver of `post_migrate`."""
    for name, wanted in GROUPS.items():
        group, _ = Group.objects.get_or_create(name=name)
        chosen = Q()
        for permission in wanted:
            app, _, codename = permission.partition(".")
            chosen |= Q(content_type__app_label=app, codename=codename)
        group.permissions.set(Permission.objects.filter(chosen))
