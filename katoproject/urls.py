"""All routes. Documentation and health here, the others beside their views."""

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from katoproject import documentation, health

handler400 = "katoproject.errors.bad_request"
handler404 = "katoproject.errors.not_found"
handler500 = "katoproject.errors.server_error"

_documentation: list[URLPattern | URLResolver] = [
    path("openapi.json", documentation.OpenApi.as_view(), name="openapi"),
    path("docs", documentation.Docs.as_view()),
    path("docs/oauth2-redirect", documentation.OAuthRedirect.as_view()),
    path("redoc", documentation.Redoc.as_view()),
]

urlpatterns = [
    path("", include("sessions_app.api.urls")),
    path("", include("memory_app.api.urls")),
    path("", include("katoproject.monitoring.api.urls")),
    path("", health.Root.as_view()),
    path("health", health.Health.as_view()),
    path("health/ready", health.Ready.as_view()),
    path("admin", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    *(_documentation if settings.ENV.docs_enabled else []),
]
