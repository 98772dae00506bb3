"""The console's site: Django's admin in the theme Unfold."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from unfold.sites import UnfoldAdminSite


class Console(UnfoldAdminSite):
    site_title = "KATO"
    index_title = "Overview"
    index_template = "console/dashboard.html"

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        # Django's own action deletes rows without the operations.
        self.disable_action("delete_selected")

    def extra_urls(self) -> list[URLPattern]:
        return [path("parts/", self.admin_view(self.parts), name="parts")]

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        # Imported here because Django creates the site before it loads the models.
        from katoproject.console import dashboard

        response: HttpResponse = super().index(request, {**dashboard.context(request), **(extra_context or {})})
        return response

    def parts(self, request: HttpRequest) -> HttpResponse:
        from katoproject.monitoring import readiness

        return TemplateResponse(request, "console/parts.html", {"parts": readiness.parts()})
