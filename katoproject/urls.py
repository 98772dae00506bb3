"""All routes. Documentation and health here, the sessions in `sessions_app/api/urls.py`."""

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, re_path
from drf_spectacular.views import (
    SpectacularJSONAPIView,
    SpectacularRedocView,
    SpectacularSwaggerOauthRedirectView,
    SpectacularSwaggerView,
)

from katoproject import health

handler400 = "katoproject.errors.bad_request"
handler404 = "katoproject.errors.not_found"
handler500 = "katoproject.errors.server_error"

_documentation: list[URLPattern | URLResolver] = [
    re_path(r"^openapi\.json/?$", SpectacularJSONAPIView.as_view(), name="openapi"),
    re_path(r"^docs/?$", SpectacularSwaggerView.as_view(url_name="openapi"), name="docs"),
    re_path(r"^docs/oauth2-redirect/?$", SpectacularSwaggerOauthRedirectView.as_view()),
    re_path(r"^redoc/?$", SpectacularRedocView.as_view(url_name="openapi"), name="redoc"),
]

urlpatterns = [
    re_path(r"^", include("sessions_app.api.urls")),
    re_path(r"^$", health.Root.as_view()),
    re_path(r"^health/?$", health.Health.as_view()),
    re_path(r"^health/ready/?$", health.Ready.as_view()),
    *(_documentation if settings.ENV.docs_enabled else []),
]
