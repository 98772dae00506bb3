"""Where Numba saves the compiled kernels of the engine, and compiling all of them."""

import fcntl
import hashlib
import multiprocessing
import os
import platform
import sys
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from pathlib import Path

from katoproject.configuration.environment import PROJECT_DIR

_VARIABLE = "NUMBA_CACHE_DIR"


def configure_kernels(folder: Path) -> None:
    """Save kernels below `folder`, unless NUMBA_CACHE_DIR names another place. Call before anything imports kernels."""
    if _VARIABLE in os.environ:
        return
    if "numba" in sys.modules:
        raise RuntimeError("Numba was imported before configure_kernels, so it saves kernels beside the sources")
    os.environ[_VARIABLE] = str(folder / "kernels")


def compile_all() -> None:
    """Compile the kernels that this version of the engine has changed: two processors take half a minute for all."""
    mark = _all_compiled()
    if mark.exists():
        return
    from engine.warm import PARTS, warm  # imports the compiler

    mark.parent.mkdir(parents=True, exist_ok=True)
    with (mark.parent / "compiling").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if mark.exists():
            return  # another process compiled them while this one waited for the lock
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
            list(pool.map(warm, [(part,) for part in PARTS]))
        mark.touch()


def _all_compiled() -> Path:
    """A file that exists if all kernels do: of these sources, by this Numba and Python, for this processor."""
    import llvmlite.binding

    by = f"{version('numba')} {platform.python_version()} {llvmlite.binding.get_host_cpu_name()}"
    name = f"all-of-{_digest_of_sources()}-{hashlib.sha256(by.encode()).hexdigest()[:12]}"
    return Path(os.environ[_VARIABLE]) / name


def _digest_of_sources() -> str:
    sources = sorted((PROJECT_DIR / "engine").rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
