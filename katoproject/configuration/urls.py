"""What the variables that hold URLs have in common. Their messages never quote a value, which may hold a password."""

import os
import re
from pathlib import Path

PERCENT_ENCODING = (
    "In user names and passwords write special characters percent-encoded: @ as %40, : as %3A, / as %2F, ? as %3F, "
    "# as %23, % as %25"
)
NOT_UTF8 = f"what it has percent-encoded is not UTF-8. {PERCENT_ENCODING}"
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,30})://")
_HOST_NAME = re.compile(r"\.?[\w-]+(\.[\w-]+)*\.?|\[[0-9a-fA-F:.]+\]")
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(\[[0-9a-f:.]+\]|[^\s/@?#:\[\]]+)(:[0-9]{1,5})?")


def with_small_scheme(url: str) -> str:
    """Schemes may be written in capitals, which not every client knows."""
    return _SCHEME.sub(lambda found: found[0].lower(), url, count=1) if _SCHEME.match(url) else url


def scheme_of(url: str) -> str | None:
    found = _SCHEME.match(url)
    return found[1] if found else None


def check_characters(url: str) -> None:
    """Raises ValueError. A line break at the end often comes from a file, and would become part of a name."""
    if url != url.strip():
        raise ValueError("it begins or ends with white space")
    if not url.isprintable():
        raise ValueError("it contains a line break or another control character")


def check_file(option: str, path: str) -> None:
    """Raises ValueError unless the option names a file that the service can read."""
    if Path(path).is_dir():
        raise ValueError(f"the file that {option} names is a folder")
    if not os.access(path, os.R_OK):
        raise ValueError(f"the file that {option} names cannot be read by this account")


def check_origin(origin: str) -> None:
    """Raises ValueError unless it is what a browser sends in `Origin`, which is compared as it stands."""
    if not _ORIGIN.fullmatch(origin) or origin != origin.lower():
        raise ValueError(
            "each origin is scheme://host or scheme://host:port in small letters, without user, path or / at its end"
        )


def check_host_name(name: str) -> None:
    """Raises ValueError unless it can be what `Host` names, which is compared without the port."""
    if name != "*" and not _HOST_NAME.fullmatch(name):
        raise ValueError("each host is a name or an address, without scheme, port and path; .example.com, or *")
