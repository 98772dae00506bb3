"""How a request body is framed: with its length, or in chunks, and in no other way (RFC 9112, 6).

Granian's HTTP parser refuses some requests itself, with a 400 that has no body: those whose last transfer coding is not
`chunked`, and those of HTTP/1.0 with any. It drops Content-Length beside Transfer-Encoding. The other ones are refused
here.
"""

from foundation.errors import Refusal

_LONGEST_QUOTED = 50


class BodyNeverEnded(Refusal):
    """The connection is of no use afterwards: what follows on it is not the beginning of a request."""

    @property
    def headers(self) -> dict[str, str]:
        return {**super().headers, "Connection": "close"}


class UnknownTransferCoding(BodyNeverEnded):
    status = 501

    def __init__(self, codings: bytes) -> None:
        quoted = codings[:_LONGEST_QUOTED].decode("latin-1")
        super().__init__(f"Transfer-Encoding {quoted!r} is not implemented here: only chunked is")


def length_of_body(headers: list[tuple[bytes, bytes]]) -> int | None:
    """The length that the client announces, None for chunks. Raises UnknownTransferCoding."""
    codings = []
    for name, value in headers:
        if name == b"content-length":
            return int(value)
        if name == b"transfer-encoding":
            codings.append(value)
    if not codings:
        return 0
    if len(codings) > 1 or codings[0].strip().lower() != b"chunked":
        raise UnknownTransferCoding(b", ".join(codings))
    return None


def waits_for_permission(headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether the client sends its body only after a 100, which Granian sends when the body is asked for."""
    return any(name == b"expect" and value.lower() == b"100-continue" for name, value in headers)
