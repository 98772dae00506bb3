"""Loaded by pytest before anything else (`-p` in pyproject.toml): real servers of this run's own.

Django's settings read the environment when they are imported, so it must be right before that.
"""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from katoproject.environment import variable_names
from katoproject.kernels import keep_kernels_in
from tests.stack import Stores

# A developer's own settings must not change what the tests see, except where the stores are.
for _names in variable_names().values():
    for _name in _names:
        if _name not in ("DATABASE_URL", "REDIS_URL"):
            os.environ.pop(_name, None)

# Kept from run to run, unlike this run's data folder: compiling takes a minute.
keep_kernels_in(Path(tempfile.gettempdir()) / "kato-test-kernels")

DATA = Path(tempfile.mkdtemp(prefix="kato-"))
DATA.chmod(0o755)  # the servers of a root user run as nobody
os.environ["KATO_DATA_DIR"] = str(DATA / "data")
_stores = Stores(DATA / "data")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart() -> None:
    _stores.start()


def pytest_unconfigure() -> None:
    _stores.stop()
    shutil.rmtree(DATA)
