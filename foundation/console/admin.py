"""The base of the console's pages: lists that do not count, a page for each object, and acts that are operations.

Django's forms add, change and delete nothing here: they would bypass the transactions and versions of operations.
"""

from typing import Any

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern

from foundation.console.acting import ActingAdmin
from foundation.console.lists import KeysetChangeList


class ConsoleAdmin(ActingAdmin):
    """`details`: what the page of an object shows besides the object."""

    detail_template: str
    list_per_page = 50
    list_fullwidth = True
    list_filter_submit = True
    list_disable_select_all = True
    show_full_result_count = False
    actions_on_top = True
    show_facets = False
    sortable_by: tuple[str, ...] = ()

    def details(self, request: HttpRequest, thing: Model) -> dict[str, Any]:
        raise NotImplementedError

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm(f"{self.opts.app_label}.view_{self.opts.model_name}")

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[KeysetChangeList]:
        return KeysetChangeList

    def get_urls(self) -> list[URLPattern]:
        return [*self.own_urls(), *super().get_urls()]

    def own_urls(self) -> list[URLPattern]:
        return []

    # One object ------------------------------------------------------------------------------------------------------

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if object_id is None or not self.has_view_permission(request):
            raise PermissionDenied
        thing = self.get_object(request, unquote(object_id))
        if thing is None:
            missing: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, unquote(object_id))
            return missing
        return self.render(request, self.detail_template, thing, **self.details(request, thing))

    def other_links(self, thing: Model) -> list[dict[str, str]]:
        """Links beside the acts: `title`, `icon`, `link`."""
        return [{"title": "History", "icon": "history", "link": self.url_of("history", thing.pk)}]

    def render(self, request: HttpRequest, template: str, thing: Model, **context: Any) -> TemplateResponse:
        """A page about one object, with its acts."""
        request.current_app = self.admin_site.name
        base = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "thing": thing,
            "title": str(thing),
            "actions_detail": self.act_links(request, thing),
            "other_links": self.other_links(thing),
        }
        return TemplateResponse(request, template, {**base, **context})
