"""Importing the engine has no side effects, and only predictions load the compiler."""

import subprocess
import sys

import pytest

WITHOUT_COMPILER = ["arrays", "growing", "lesson", "minhash", "naming", "observation", "options", "stm", "vectors"]
OUTSIDE = "django psycopg redis celery"


def modules_loaded_by(statement: str) -> set[str]:
    code = f"{statement}; import sys; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(ran.stdout.split())


def test_what_needs_no_kernels_loads_no_compiler() -> None:
    loaded = modules_loaded_by(f"from engine import {', '.join(WITHOUT_COMPILER)}")
    assert loaded.isdisjoint({"numba", "llvmlite"})


@pytest.mark.parametrize("module", ["naming", "named_vectors", "options", "stm", "lesson", "observation"])
def test_what_needs_no_arrays_loads_no_numpy(module: str) -> None:
    assert "numpy" not in modules_loaded_by(f"import engine.{module}")


def test_the_engine_loads_no_framework_and_no_client_of_a_server() -> None:
    assert modules_loaded_by("import engine.warm").isdisjoint(OUTSIDE.split())


def test_importing_kernels_leaves_numba_as_it_is() -> None:
    before = "from numba.core.caching import IndexDataCacheFile as C; save = C.save"
    assert "engine.kernels.select" in modules_loaded_by(f"{before}; import engine.warm; assert C.save is save")
