"""Access keys in the console: what each may do, and creating, rotating and revoking them.

A token is on one page, the response that created it. Nothing keeps it: no message, no history, no address, no cache.
"""

from datetime import timedelta
from typing import Any, cast

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.decorators import display
from unfold.enums import ActionVariant

from access_app import operations
from access_app.admin.forms import CreateForm, RotateForm
from access_app.errors import KeyRotatedMeanwhile, NameTaken
from access_app.models import AccessKey, AccessVersion
from foundation.console.acts import Act
from foundation.console.admin import ConsoleAdmin

_LABELS = {"valid": "success", "expired": "warning", "revoked": "danger"}
_SECRET = ("digest", "previous_digest")
_TOKEN_PAGE = "console/token.html"


def _rotation(key_id: str) -> dict[str, Any]:
    """The field `seen` of a page that asks whether to rotate the key."""
    [until] = AccessKey.objects.filter(id=key_id).values_list("previous_until", flat=True) or [None]
    return {"seen": until.isoformat() if until else ""}


def _rotate(key_id: str, *, hours: int, seen: str) -> operations.Issued:
    # The row that every operation on keys locks first, so that no other rotation comes between.
    AccessVersion.objects.select_for_update().get()
    if _rotation(key_id)["seen"] != seen:
        raise KeyRotatedMeanwhile(key_id)
    return operations.rotate(key=key_id, overlap=timedelta(hours=hours))


@admin.register(AccessKey)
class AccessKeyAdmin(ConsoleAdmin):
    list_display = ("name", "id", "allows", "for_nodes", "state", "created_at", "expires_at", "last_used_at")
    search_fields = ("name",)
    search_help_text = "Part of a name, or id"
    ordering = ("name",)
    detail_template = "console/key.html"
    acts = (
        Act(
            name="rotate",
            label="Rotate",
            icon="sync",
            permission="access_app.change_accesskey",
            perform=_rotate,
            warning="The key gets another token, which you see once. The former one is valid a while longer; "
            "one that is older still, no longer.",
            done="Rotated",
            form=RotateForm,
            initial=_rotation,
            result_template=_TOKEN_PAGE,
            for_many=False,
        ),
        Act(
            name="revoke",
            label="Revoke",
            icon="key_off",
            permission="access_app.delete_accesskey",
            perform=lambda key_id: operations.revoke(key=key_id),
            warning="No process accepts the key any more, at once and for ever. Its unfinished jobs fail.",
            done="Revoked",
            variant=ActionVariant.DANGER,
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[AccessKey]:
        return AccessKey.objects.defer(*_SECRET)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Not by digest: comparisons in the address would reveal it, bit by bit."""
        return not lookup.startswith(_SECRET) and super().lookup_allowed(lookup, value, request)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AccessKey], search_term: str
    ) -> tuple[QuerySet[AccessKey], bool]:
        term = search_term.strip()
        return (queryset.filter(Q(name__icontains=term) | Q(id=term)) if term else queryset), False

    @display(description="Scopes")
    def allows(self, key: AccessKey) -> str:
        return key.shown_scopes

    @display(description="Nodes")
    def for_nodes(self, key: AccessKey) -> str:
        return key.shown_nodes

    @display(description="State", label=_LABELS)
    def state(self, key: AccessKey) -> str:
        return key.state

    # One key ---------------------------------------------------------------------------------------------------------

    def details(self, request: HttpRequest, thing: Model) -> dict[str, Any]:
        key = cast(AccessKey, thing)
        return {"key": key, "state": key.state, "label": _LABELS[key.state]}

    def act_links(self, request: HttpRequest, thing: Model) -> list[dict[str, Any]]:
        return [] if cast(AccessKey, thing).revoked_at else super().act_links(request, thing)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("access_app.add_accesskey")

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = CreateForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            try:
                with transaction.atomic():
                    issued = operations.create(**form.of_operation())
                    self.record(request, issued.key.id, "Created")
            except NameTaken as refusal:
                form.add_error("name", str(refusal))
            else:
                return self.show_result(request, _TOKEN_PAGE, issued.key.id, issued)
        context = {**self.admin_site.each_context(request), "opts": self.opts, "title": "Create a key", "form": form}
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "console/create_key.html", {**context, "back": self.url_of("changelist")})
