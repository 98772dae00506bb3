"""The console's site: Django's admin in the theme Unfold."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.cache import add_never_cache_headers
from unfold.sites import UnfoldAdminSite

from katoproject.logins.errors import NotTried

View = Callable[..., HttpResponse]


class Console(UnfoldAdminSite):
    site_title = "KATO"
    index_title = "Overview"
    index_template = "console/dashboard.html"

    def __init__(self, name: str = "admin") -> None:
        # Imported here, and below, because Django creates the site before it loads the models.
        from katoproject.console.passwords import LoginForm

        self.login_form = LoginForm
        super().__init__(name)
        # Django's own action deletes rows without the operations.
        self.disable_action("delete_selected")

    def extra_urls(self) -> list[URLPattern]:
        return [path("parts/", self.admin_view(self.parts), name="parts")]

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        """No page is cached, not even those that Django would allow."""
        return self._explain_refusals(super().admin_view(view))

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        from katoproject.console import dashboard

        response: HttpResponse = super().index(request, {**dashboard.context(request), **(extra_context or {})})
        return response

    def parts(self, request: HttpRequest) -> HttpResponse:
        from katoproject.monitoring import readiness

        return TemplateResponse(request, "console/parts.html", {"parts": readiness.parts()})

    # Passwords -------------------------------------------------------------------------------------------------------

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return self._explain_refusals(super().login)(request, extra_context)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        from katoproject.console.passwords import OwnPasswordView

        request.current_app = self.name
        view = OwnPasswordView.as_view(
            success_url=reverse("admin:password_change_done", current_app=self.name),
            extra_context={**self.each_context(request), **(extra_context or {})},
        )
        return cast(HttpResponse, view(request))

    def _explain_refusals(self, view: View) -> View:
        @wraps(view)
        def explained(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                return view(request, *args, **kwargs)
            except NotTried as refusal:
                return self._refuse(request, refusal)

        return explained

    def _refuse(self, request: HttpRequest, refusal: NotTried) -> HttpResponse:
        context = {**self.each_context(request), "title": refusal.title, "reason": str(refusal)}
        response = TemplateResponse(
            request, "console/not_tried.html", context, status=refusal.status, headers=refusal.headers
        )
        add_never_cache_headers(response)
        return response
