"""Headers that tell browsers what not to do with a response. Every response has them, added as bytes when it is sent.

So they cost nothing worth measuring, and even a response about a failure has them. Granian serves `/static` itself and
adds none: those are files of libraries, with their right types.
"""

from typing import Any

from django.conf import settings

Headers = list[tuple[bytes, bytes]]

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    # Ids of sessions are part of paths. Django's protection of forms needs the origin, so it is not "no-referrer".
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    # Not for pages of `CORS_ORIGINS`, whose scripts ask by the rules of CORS: for images and scripts of other pages.
    "Cross-Origin-Resource-Policy": "same-origin",
}
_NO_PAGE = "default-src 'none'; frame-ancestors 'none'"
_PAGE = (
    "default-src 'none'; script-src 'self'{scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'{more}; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# The beginning of a path → the policy of its pages.
_POLICIES = {
    # Alpine.js, which Unfold's pages need, compiles the expressions in their attributes.
    "/admin": _PAGE.format(scripts=" 'unsafe-eval'", more=""),
    "/docs": _PAGE.format(scripts="", more=""),
    # Redoc searches in a worker that it makes from a text.
    "/redoc": _PAGE.format(scripts="", more="; worker-src blob:"),
}


def _with_policy(policy: str, **more: str) -> Headers:
    headers = {**_ALWAYS, "Content-Security-Policy": policy, **more}
    return [(name.encode(), value.encode()) for name, value in headers.items()]


_SECONDS = settings.ENV.hsts_seconds
_OVER_TLS = {"Strict-Transport-Security": f"max-age={_SECONDS}"} if _SECONDS else {}
_PREFIXES = tuple(_POLICIES)
# By scheme, then by the beginning of the path; empty for all other paths.
_HEADERS = {
    scheme: {prefix: _with_policy(policy, **more) for prefix, policy in {"": _NO_PAGE, **_POLICIES}.items()}
    for scheme, more in {"http": {}, "ws": {}, "https": _OVER_TLS, "wss": _OVER_TLS}.items()
}


def browser_headers(environ: dict[str, Any]) -> Headers:
    """The headers of the response to this request."""
    of_scheme = _HEADERS[environ["wsgi.url_scheme"]]
    path: str = environ["PATH_INFO"]
    if not path.startswith(_PREFIXES):
        return of_scheme[""]
    return of_scheme[next(prefix for prefix in _PREFIXES if path.startswith(prefix))]
