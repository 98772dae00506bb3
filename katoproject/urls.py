"""All routes. Those of the documentation are here, the others beside their views.

One list and no `include`, which would cost each request 3 µs; to find its route in the list takes 5.
"""

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, path
from django.views.generic import RedirectView

from katoproject.console.apps import discover_pages
from katoproject.monitoring.api import urls as monitoring
from katoproject.openapi import pages
from memory_app.api import urls as memory
from sessions_app.api import urls as sessions

handler400 = "foundation.http.errors.bad_request"
handler404 = "foundation.http.errors.not_found"
handler500 = "foundation.http.errors.server_error"

# Here and not when Django starts: the pages import the engine and its compiler, which few commands need.
discover_pages()

_documentation: list[URLPattern | URLResolver] = [
    path("openapi.json", pages.OpenApi.as_view(), name="openapi"),
    path("docs", pages.Docs.as_view()),
    path("docs/oauth2-redirect", pages.OAuthRedirect.as_view()),
    path("redoc", pages.Redoc.as_view()),
]

urlpatterns = [
    *sessions.urlpatterns,
    *memory.urlpatterns,
    *monitoring.urlpatterns,
    path("admin", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    *(_documentation if settings.ENV.docs_enabled else []),
]
