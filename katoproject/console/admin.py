"""The users of the console, and the groups with their permissions.

Who may change users but is no superuser must not become one, nor get more permissions through another account. So
superusers are hidden, groups and permissions cannot be changed, and users with more permissions cannot either.
"""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, Permission, User
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from foundation.console.acting import ActingAdmin
from foundation.console.acts import Act
from katoproject.logins import attempts

admin.site.unregister(User)
admin.site.unregister(Group)

_ONLY_FOR_SUPERUSERS = ("is_superuser", "groups", "user_permissions")


def _unlock(user_id: str) -> None:
    attempts.unlock(username=User.objects.get(pk=user_id).get_username())


@admin.register(User)
class KatoUserAdmin(UserAdmin, ActingAdmin):  # type: ignore[misc, type-arg]  # Unfold lacks types
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    acts = (
        Act(
            name="unlock",
            label="Unlock",
            icon="lock_open",
            permission="auth.change_user",
            perform=_unlock,
            warning="Failed logins with this name are forgotten, so the user can try again at once, at any address.",
            done="Unlocked",
            for_many=False,
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        users: QuerySet[User] = super().get_queryset(request)
        return users if _is_superuser(request) else users.filter(is_superuser=False)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        fields = tuple(super().get_readonly_fields(request, obj))
        return fields if _is_superuser(request) else (*fields, *_ONLY_FOR_SUPERUSERS)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_change_permission(request, obj) and _has_all_permissions_of(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _has_all_permissions_of(request, obj)

    def may_act_on(self, request: HttpRequest, object_id: str) -> bool:
        user = self.get_object(request, object_id)
        return user is not None and self.has_change_permission(request, user)

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Model | None = None,
    ) -> HttpResponse:
        if obj is not None and self.has_change_permission(request, obj):
            context["actions_detail"] = self.act_links(request, obj)
        response: HttpResponse = super().render_change_form(request, context, add, change, form_url, obj)
        return response


@admin.register(Group)
class KatoGroupAdmin(GroupAdmin, ModelAdmin):
    """To change a group is to change permissions, so only superusers do. `migrate` resets those of the service."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return _is_superuser(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return _is_superuser(request)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return _is_superuser(request)


def _is_superuser(request: HttpRequest) -> bool:
    return request.user.is_active and request.user.is_superuser


def _has_all_permissions_of(request: HttpRequest, user: Model | None) -> bool:
    """Whether an operator may have this user's account. Django would say that inactive users have no permissions."""
    if user is None or _is_superuser(request):
        return True
    held = Permission.objects.filter(Q(user=user.pk) | Q(group__user=user.pk))
    names = held.values_list("content_type__app_label", "codename").distinct()
    return all(request.user.has_perm(f"{app}.{codename}") for app, codename in names)
