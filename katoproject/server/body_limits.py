"""The largest body that a path takes. Only for large bodies: to look for the route costs as much as a small observe."""

from django.conf import settings
from django.urls import Resolver404, resolve

from foundation.http.views import LeanView
from katoproject.console.middleware import PREFIX
from katoproject.server.paths import without_slash

_LARGEST_FORM = 1024 * 1024  # of the console, in bytes: fifty long node ids, selected in a list


def body_limit(path: str) -> int:
    limit = _LARGEST_FORM if path.startswith(PREFIX) else _limit_of_view(without_slash(path))
    return min(limit, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)


def _limit_of_view(path: str) -> int:
    try:
        view = getattr(resolve(path).func, "cls", None)
    except Resolver404:
        view = None
    limit: int = getattr(view, "body_limit", LeanView.body_limit)
    return limit
