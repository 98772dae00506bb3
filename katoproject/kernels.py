"""Where Numba keeps the compiled kernels of the engine."""

import hashlib
import os
from pathlib import Path

from katoproject.environment import PROJECT_DIR


def keep_kernels_in(folder: Path) -> None:
    """Keep kernels below `folder`, unless NUMBA_CACHE_DIR says otherwise. To be called before they are imported.

    In a folder of their own for each version of the sources: Numba looks at the file that a kernel is in, and would go
    on using it when a function that it calls, in another file, has changed.
    """
    sources = sorted((PROJECT_DIR / "engine").rglob("*.py"))
    version = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    os.environ.setdefault("NUMBA_CACHE_DIR", str(folder / f"kernels-{version}"))
