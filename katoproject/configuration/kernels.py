"""Where Numba keeps the compiled kernels of the engine, and compiling them all."""

import fcntl
import hashlib
import multiprocessing
import os
import platform
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from pathlib import Path

from katoproject.configuration.environment import PROJECT_DIR


def keep_kernels_in(folder: Path) -> None:
    """Keep kernels below `folder`, unless NUMBA_CACHE_DIR says otherwise. To be called before they are imported.

    In a folder of their own for each version of the sources: Numba looks at the file that a kernel is in, and would go
    on using it when a function that it calls, in another file, has changed.
    """
    os.environ.setdefault("NUMBA_CACHE_DIR", str(folder / f"kernels-{_sources()}"))


def compile_all() -> None:
    """Compile what is not compiled yet: half a minute of two processors for a new version, otherwise nothing."""
    mark = _all_compiled()
    if mark.exists():
        return
    from engine.warm import warm  # loads the compiler

    mark.parent.mkdir(parents=True, exist_ok=True)
    with (mark.parent / "compiling").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if mark.exists():
            return  # by whoever had the lock
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
            list(pool.map(warm, [(False,), (True,)]))
        mark.touch()


def _all_compiled() -> Path:
    """Exists if all kernels do: those of these sources, by this Numba and Python for this processor."""
    import llvmlite.binding

    by = f"{version('numba')} {platform.python_version()} {llvmlite.binding.get_host_cpu_name()} {PROJECT_DIR}"
    name = f"all-of-{_sources()}-{hashlib.sha256(by.encode()).hexdigest()[:12]}"
    return Path(os.environ["NUMBA_CACHE_DIR"]) / name


def _sources() -> str:
    sources = sorted((PROJECT_DIR / "engine").rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
