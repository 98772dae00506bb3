"""How a request body may be encoded: JSON in UTF-8, with or without a byte order mark, and not compressed."""

from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE

from django.http import HttpRequest

from foundation.errors import Refusal
from foundation.http.answers import JSON_TYPE

_LONGEST_QUOTED = 50
_GZIP = b"\x1f\x8b"
# Every text in ASCII is one in UTF-8.
_CHARSETS = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})


class UnsupportedEncoding(Refusal):
    """`accepted`: the header by which the response says what is taken instead (RFC 9110, 15.5.16)."""

    status = 415

    def __init__(self, problem: str, *, accepted: tuple[str, str]) -> None:
        super().__init__(problem)
        self._accepted = accepted

    @property
    def headers(self) -> dict[str, str]:
        name, value = self._accepted
        return {**super().headers, name: value}


def check_content_encoding(encodings: str) -> None:
    """`encodings`: the header of a request that has a body. Raises UnsupportedEncoding."""
    if any(one.strip().lower() not in ("", "identity") for one in encodings.split(",")):
        raise _compressed(f"Content-Encoding {encodings[:_LONGEST_QUOTED]!r}")


def in_utf8(request: HttpRequest, body: bytes) -> bytes:
    """A JSON body without its byte order mark. Raises UnsupportedEncoding if it is not in UTF-8."""
    charset = (request.content_params or {}).get("charset")
    if charset is not None and body and charset.lower() not in _CHARSETS:
        raise _not_in_utf8(f"not in {charset[:_LONGEST_QUOTED]!r}")
    if body.startswith(BOM_UTF8):
        return body[len(BOM_UTF8) :]
    if body.startswith(_GZIP):
        raise _compressed("gzip, which Content-Encoding does not say,")
    # JSON begins with ASCII, of which UTF-16 and UTF-32 have zeros among the first four bytes.
    if b"\0" in body[:4] or body.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        raise _not_in_utf8("and this body seems to be in UTF-16 or UTF-32")
    return body


def _compressed(found: str) -> UnsupportedEncoding:
    return UnsupportedEncoding(
        f"{found} is not accepted here: send the body as it is", accepted=("Accept-Encoding", "identity")
    )


def _not_in_utf8(found: str) -> UnsupportedEncoding:
    return UnsupportedEncoding(f"JSON is accepted in UTF-8 only, {found}", accepted=("Accept", JSON_TYPE))
