"""pytest loads this before anything else (`-p` in pyproject.toml): real servers for this run.

Django's settings read the environment when they are imported, so it must be right before that. If several
processes share the tests, each loads this and has servers of its own; the process that distributes them has none.
"""

import gc
import os
import shutil
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest
from xdist import is_xdist_controller, is_xdist_worker

from benchmarks.stack import Stores
from katoproject.configuration.environment import variable_names
from katoproject.configuration.kernels import compile_all, configure_kernels
from tests.support import database
from tests.support.prepared import copy_if_made, make_template

# Each of the thousand processes of a run would compile all sources again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# The collector found little, for a tenth of the time.
gc.set_threshold(50_000, 20, 50)

# The settings of a developer must not change the tests, except for the addresses of the stores.
for _names in variable_names().values():
    for _name in _names:
        if _name not in ("DATABASE_URL", "REDIS_URL"):
            os.environ.pop(_name, None)

# Kept from run to run, unlike this run's data folder: compiling takes a minute.
configure_kernels(Path(tempfile.gettempdir()) / "kato-test-kernels")

DATA = Path(tempfile.mkdtemp(prefix="kato-"))
DATA.chmod(0o755)  # the servers of a root user run under another account
os.environ["KATO_DATA_DIR"] = str(DATA / "data")
# Nearly every test makes HTTP clients, and each would read all public authorities, for 20 ms. No test needs one.
os.environ.pop("SSL_CERT_FILE", None)
os.environ["SSL_CERT_DIR"] = str(DATA)
_stores = Stores(DATA / "data")

_ENGINE = Path(__file__).parents[1] / "engine"


def pytest_configure(config: pytest.Config) -> None:
    database.remember(config)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    if is_xdist_controller(session):
        if not _stores.are_own:
            raise pytest.UsageError(
                "Several processes need stores of their own: unset DATABASE_URL and REDIS_URL, or -n 0"
            )
        # Once, with all processors, instead of in each process that needs them.
        compile_all()
        make_template()
    else:
        if _stores.are_own:
            copy_if_made(_stores.data)
        _stores.start()
        _learn_which_database_this_is()


def pytest_collection_finish(session: pytest.Session) -> None:
    # Tests of the engine compile what they need, which is little if one kernel was changed.
    if not is_xdist_worker(session) and any(not item.path.is_relative_to(_ENGINE) for item in session.items):
        compile_all()
    gc.freeze()


def _learn_which_database_this_is() -> None:
    """Names in Redis depend on it, and most tests may not use Django's connections."""
    from foundation.postgresql import identity
    from katoproject.configuration.locations import postgres_url

    with psycopg.connect(os.environ.get("DATABASE_URL") or postgres_url()) as connection:
        identity.remember(connection)


def pytest_unconfigure() -> None:
    _stores.stop()
    shutil.rmtree(DATA)
