"""Who gets into the embedded servers: the account that starts the service, and root."""

import asyncio
import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest
import redis as redis_client

from benchmarks.stack import Stores
from katoproject.configuration.environment import PROJECT_DIR, Environment
from katoproject.configuration.locations import postgres_url, redis_password, redis_url
from katoproject.configuration.secret import kept_secret
from katoproject.launcher import accounts, installation
from katoproject.launcher.up import Service

pytestmark = pytest.mark.long

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="Only root can start servers under another account")
needs_useradd = pytest.mark.skipif(shutil.which("useradd") is None, reason="No useradd on this machine")

# What it needs is imported before it changes its account: root's packages may be where no other account may enter.
_GET_IN = """
import os, secrets, sys, psycopg, redis
run, uid, gid = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
os.setgroups([])
os.setgid(gid)
os.setuid(uid)
try:
    psycopg.connect(f"postgresql://kato@/kato?host={run}&port=5432")
    print("PostgreSQL let me in")
except psycopg.OperationalError as error:
    print("PostgreSQL:", error)
try:
    redis.Redis(unix_socket_path=f"{run}/redis.sock").get("x")
    print("Redis let me in")
except redis.RedisError as error:
    print("Redis:", error)
"""


@pytest.fixture
def data() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="kato-access-"))
    folder.chmod(0o755)
    yield folder / "data"
    shutil.rmtree(folder)


@pytest.fixture
def no_own_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine without useradd."""
    monkeypatch.setattr(accounts, "servers_uid", lambda: accounts.SHARED_UID)


@contextmanager
def as_in_earlier_versions() -> Iterator[None]:
    """The shared account, and nothing is asked of those who connect."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accounts, "servers_uid", lambda: accounts.SHARED_UID)
        yield


def attempt(data: Path, uid: int) -> str:
    """What a process of this account is told that tries to get in."""
    command = [sys.executable, "-c", _GET_IN, str(data / "run"), str(uid), str(accounts.main_group(uid))]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def uids(stores: Stores) -> set[int]:
    return {psutil.Process(process.pid).uids().real for process in stores.running.values()}


def execute(data: Path, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(postgres_url(data)) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


@needs_root
@needs_useradd
def test_the_servers_of_root_have_an_account_of_their_own(data: Path) -> None:
    own = pwd.getpwuid(accounts.servers_uid())
    assert own.pw_name == "kato-stores"
    assert own.pw_shell == "/bin/false"
    with Stores(data, private=True) as stores:
        assert uids(stores) == {own.pw_uid}
        groups = {psutil.Process(process.pid).gids().real for process in stores.running.values()}
        assert groups == {own.pw_gid}, "a group of the same number as the account may be anybody's"


@pytest.mark.exhaustive
@needs_root
def test_a_process_of_the_servers_account_is_refused(data: Path) -> None:
    with Stores(data, private=True):
        told = attempt(data, accounts.servers_uid())
    assert 'Peer authentication failed for user "kato"' in told
    assert "Redis: HELLO must be called with the client already authenticated" in told
    assert "let me in" not in told


@needs_root
def test_other_accounts_do_not_even_reach_the_sockets(data: Path) -> None:
    stranger = next(entry.pw_uid for entry in pwd.getpwall() if entry.pw_uid not in (0, accounts.servers_uid()))
    with Stores(data, private=True):
        told = attempt(data, stranger)
    assert told.count("Permission denied") == 2
    assert "let me in" not in told


@pytest.mark.exhaustive
@needs_root
@pytest.mark.usefixtures("no_own_account")
def test_where_no_account_can_be_made_a_process_of_the_shared_one_is_refused(data: Path) -> None:
    with Stores(data, private=True) as stores:
        assert uids(stores) == {accounts.SHARED_UID}
        told = attempt(data, accounts.SHARED_UID)
    assert 'Peer authentication failed for user "kato"' in told
    assert "Redis: HELLO must be called with the client already authenticated" in told


@needs_root
def test_the_start_says_that_no_account_could_be_made(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    service = Service(Environment(DATABASE_URL=None, REDIS_URL="redis://elsewhere"), data, only_stores=True)

    async def start_and_stop() -> None:
        await service.start_stores()
        await service.supervisor.stop(asyncio.Event())

    with as_in_earlier_versions():
        asyncio.run(start_and_stop())
    assert f"no account kato-stores could be created. To keep those out, run `{accounts.CREATION}`" in (
        capsys.readouterr().out
    )


def make_old_folder(data: Path) -> None:
    """A data folder as version 0.1.0 left it, with a row in its database."""
    with as_in_earlier_versions(), Stores(data, private=True):
        execute(data, "CREATE TABLE kept AS SELECT 42 AS answer")
    (data / "postgres" / "pg_hba.conf").write_text("local all all trust\nlocal replication all trust\n")
    (data / "postgres" / "pg_ident.conf").write_text("")
    (data / "redis-password").unlink()
    (data / "redis" / "users.acl").unlink()


def owners(folder: Path) -> set[int]:
    return {path.lstat().st_uid for path in (folder, *folder.rglob("*"))}


@pytest.mark.exhaustive
@needs_root
@needs_useradd
def test_a_folder_of_an_earlier_version_is_taken_over_with_all_it_holds(data: Path) -> None:
    make_old_folder(data)
    assert owners(data / "postgres") == {accounts.SHARED_UID}
    with Stores(data, private=True) as stores:
        assert execute(data, "SELECT answer FROM kept") == [(42,)]
        assert uids(stores) == {accounts.servers_uid()}
        assert "let me in" not in attempt(data, accounts.servers_uid())
        assert owners(data / "postgres") == {accounts.servers_uid()}


@pytest.mark.exhaustive
@needs_root
@needs_useradd
def test_an_interrupted_take_over_is_repeated(data: Path) -> None:
    make_old_folder(data)
    given: list[object] = []

    def chown(path: object, *arguments: object, **options: object) -> None:
        given.append(path)
        if len(given) == 20:
            raise KeyboardInterrupt
        real(path, *arguments, **options)  # type: ignore[arg-type]

    real = os.chown
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "chown", chown)
        with pytest.raises(KeyboardInterrupt):
            installation.hand_over(data / "postgres", accounts.servers_uid())
    assert (data / "postgres").stat().st_uid == 0, "nobody can enter until all is done"
    with Stores(data, private=True):
        assert execute(data, "SELECT answer FROM kept") == [(42,)]
        assert owners(data / "postgres") == {accounts.servers_uid()}


@needs_root
def test_a_take_over_gives_away_nothing_that_was_not_the_shared_accounts(data: Path, tmp_path: Path) -> None:
    folder, mine = data / "postgres", tmp_path / "mine"
    folder.mkdir(parents=True)
    mine.touch()
    (folder / "hard").hardlink_to(mine)
    (folder / "soft").symlink_to(mine)
    os.chown(folder / "soft", accounts.SHARED_UID, accounts.SHARED_UID, follow_symlinks=False)
    os.chown(folder, accounts.SHARED_UID, accounts.SHARED_UID)
    installation.hand_over(folder, 4711)
    assert mine.stat().st_uid == 0
    assert (folder / "soft").lstat().st_uid == folder.stat().st_uid == 4711


@pytest.mark.exhaustive
@needs_root
def test_a_link_in_the_servers_folder_does_not_lead_root_elsewhere(data: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("precious")
    with Stores(data, private=True):
        pass
    for link in (data / "postgres" / "pg_hba.conf", data / "redis" / "users.acl"):
        link.unlink()
        link.symlink_to(mine)
    with Stores(data, private=True):
        assert execute(data, "SELECT 1") == [(1,)]
    assert mine.read_text() == "precious"


@pytest.mark.exhaustive
def test_a_cluster_that_was_copied_from_elsewhere_lets_its_new_owner_in(data: Path, tmp_path: Path) -> None:
    with Stores(data, private=True):
        execute(data, "CREATE TABLE kept AS SELECT 42 AS answer")
    (data / "redis-password").unlink()
    (data / "postgres" / "pg_ident.conf").write_text("kato somebody kato\n")
    with Stores(data, private=True):
        assert execute(data, "SELECT answer FROM kept") == [(42,)]
        with redis_client.Redis.from_url(redis_url(data)) as client:
            assert client.ping()


@pytest.mark.exhaustive
def test_the_password_of_redis_is_in_one_file_that_only_its_owner_reads(data: Path) -> None:
    with Stores(data, private=True):
        execute(data, "SELECT 1")
        password = redis_password(data)
        command_lines = str([process.info["cmdline"] for process in psutil.process_iter(["cmdline"])])
        assert str(data / "run" / "redis.sock") in command_lines
        assert password not in command_lines
    holding = [path for path in data.rglob("*") if path.is_file() and password.encode() in path.read_bytes()]
    assert holding == [data / "redis-password"]
    assert stat.S_IMODE(holding[0].stat().st_mode) == 0o600


@needs_root
def test_a_secret_that_root_makes_in_a_users_folder_is_the_users(data: Path) -> None:
    data.mkdir()
    os.chown(data, 4711, 4711)
    assert kept_secret(data) == kept_secret(data)
    assert {path.stat().st_uid for path in data.iterdir()} == {4711}


@pytest.mark.parametrize("settings", [pytest.param({}, marks=pytest.mark.exhaustive), {"DEBUG": "true"}])
def test_neither_messages_nor_error_pages_show_addresses_with_passwords(data: Path, settings: dict[str, str]) -> None:
    """Everything is down, so that each library says where it could not connect."""
    program = (
        "import django; django.setup()\n"
        "import sys\n"
        "from django.conf import settings\n"
        "from django.views.debug import ExceptionReporter\n"
        "from kombu import Connection\n"
        "from katoproject.settings import _redis\n"
        "print(repr(settings.ENV), repr(_redis), Connection(settings.CELERY_BROKER_URL))\n"
        "try:\n    raise KeyError('x')\n"
        "except KeyError:\n    print(ExceptionReporter(None, *sys.exc_info()).get_traceback_html())\n"
    )
    environment = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    environment |= {"KATO_DATA_DIR": str(data), "DJANGO_SETTINGS_MODULE": "katoproject.settings", **settings}
    told = [
        subprocess.run(
            [sys.executable, *arguments], cwd=PROJECT_DIR, env=environment, capture_output=True, text=True, check=False
        )
        for arguments in (("-c", program), ("manage.py", "doctor"), ("manage.py", "session", "list"))
    ]
    password = (data / "redis-password").read_text()
    assert told[0].returncode == 0, told[0].stderr
    assert "CELERY_BROKER_URL" in told[0].stdout
    assert [done for done in told if password in done.stdout + done.stderr] == []
    assert "Traceback" not in told[1].stderr + told[2].stderr
