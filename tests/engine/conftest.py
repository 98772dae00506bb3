"""Kernels are compiled once per version of the sources: Numba's own cache does not see a change in another file."""

import os
import tempfile
from hashlib import sha1
from pathlib import Path

import engine

_SOURCES = sorted(Path(engine.__file__).parent.rglob("*.py"))
_VERSION = sha1(b"".join(path.read_bytes() for path in _SOURCES)).hexdigest()[:12]
os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(tempfile.gettempdir()) / f"kato-numba-{_VERSION}"))
