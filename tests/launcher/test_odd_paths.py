"""Folders with odd names hold the project and its data, or are refused by name; two set-ups at once do no harm."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from benchmarks.stack import Stores, eventually
from benchmarks.stack.small_disk import small_disk
from foundation.disk import READ_ONLY_REMEDY, REMEDY
from katoproject.configuration.environment import PROJECT_DIR, Environment, read_environment
from katoproject.configuration.locations import postgres_url, redis_url
from katoproject.configuration.redis_url import RedisServer
from katoproject.configuration.secret import kept_secret
from katoproject.launcher import redis
from katoproject.launcher import up as launcher
from katoproject.launcher.installation import check_programs, make_data_folder
from katoproject.launcher.processes import CannotStart
from tests.launcher.test_configuration import run_check
from tests.support.small_disk import needs_mounts

ODD = "it's 100% ünï #1?&=@;:()[]{}*|<>!"


# Data folders --------------------------------------------------------------------------------------------------------


@pytest.mark.long
def test_the_stores_run_in_a_folder_with_an_odd_name_behind_a_link(folder: Path) -> None:
    (folder / ODD).mkdir()
    data = folder / "link"
    data.symlink_to(folder / ODD)
    with Stores(data, private=True):
        with psycopg.connect(postgres_url(data)) as connection:
            assert connection.execute("SELECT current_setting('data_directory')").fetchone() == (
                str(data / "postgres"),
            )
        assert redis.is_ready(data)
        assert RedisServer.parse(redis_url(data)).path == str(data / "run" / "redis.sock")
    assert (folder / ODD / "postgres").is_dir()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a$HOME", "its path contains $"),
        ('a"b', 'its path contains "'),
        ("a`b", "its path contains `"),
        ("a\\b", "its path contains \\"),
        ("a,b$", "its path contains $ and ,"),
        ("a\nb", "contains a line break"),
        ("a\udcffb", "is not UTF-8"),
        ("file", "is not a folder"),
        ("file/below", "is not a folder"),
        ("dangling", "is not a folder, or a link to one that does not exist"),
    ],
)
def test_a_data_folder_that_cannot_hold_the_stores_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, reason: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to(tmp_path / "gone")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("KATO_DATA_DIR", str(tmp_path / name))
    with pytest.raises(SystemExit) as refused:
        read_environment()
    assert "KATO_DATA_DIR: " in str(refused.value)
    assert reason in str(refused.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dangling", "file"]


def test_a_refused_folder_is_not_made(tmp_path: Path) -> None:
    refused = run_check(KATO_DATA_DIR=str(tmp_path / "a$b"), DATABASE_URL="")
    assert refused.returncode != 0
    assert "Traceback" not in refused.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["check", "doctor", "up"])
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc, where even root can create nothing")
def test_a_folder_that_nobody_can_make_is_refused_by_name(command: str) -> None:
    refused = run_check(command=command, KATO_DATA_DIR="/proc/kato/data", DATABASE_URL="", REDIS_URL="")
    assert refused.returncode != 0
    assert "KATO_DATA_DIR: '/proc/kato/data' cannot be written: No such file or directory" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_nor_does_up_make_it_where_all_secrets_are_given() -> None:
    with pytest.raises(CannotStart, match="KATO_DATA_DIR: '/proc/kato/data' cannot be written"):
        make_data_folder(Path("/proc/kato/data"))


@needs_mounts
def test_a_folder_that_is_read_only_holds_no_new_secret_but_is_read(folder: Path) -> None:
    with small_disk(folder / "read-only", megabytes=1) as disk:
        kept = kept_secret(disk.place)
        disk.remount("ro")
        assert kept_secret(disk.place) == kept
        with pytest.raises(SystemExit, match=r"KATO_DATA_DIR: .* cannot be written: Read-only file system"):
            kept_secret(disk.place, "another")
        with pytest.raises(SystemExit, match=r"KATO_DATA_DIR: .* cannot be written: Read-only file system"):
            kept_secret(disk.place / "below")
        assert [path.name for path in disk.place.iterdir()] == ["secret-key"]


@needs_mounts
@pytest.mark.parametrize(("is_full", "remedy"), [(True, REMEDY), (False, READ_ONLY_REMEDY)])
def test_up_says_what_helps_where_its_folder_takes_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, is_full: bool, remedy: str
) -> None:
    with small_disk(folder / f"full-{is_full}", megabytes=1) as disk:
        if is_full:
            disk.fill()
        else:
            disk.remount("ro")
        monkeypatch.setattr(launcher, "data_dir", lambda: disk.place)
        with pytest.raises(CannotStart) as refused:
            launcher.up(Environment(DATABASE_URL="postgresql://db/kato"), only_stores=True)
    assert str(refused.value).startswith(f"KATO_DATA_DIR: '{disk.place}' cannot be written: ")
    assert str(refused.value).endswith(f"; {remedy}")


def test_with_a_database_elsewhere_only_what_no_program_takes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://db/kato")
    monkeypatch.setenv("KATO_DATA_DIR", "/srv/a$b,c")
    assert read_environment().data_dir == Path("/srv/a$b,c")
    monkeypatch.setenv("KATO_DATA_DIR", "~/kato")
    with pytest.raises(SystemExit, match="begins with ~, which only shells expand"):
        read_environment()


def test_programs_in_a_folder_that_shells_misread_are_not_started() -> None:
    check_programs(Path("/srv") / ODD)
    with pytest.raises(CannotStart, match=r"the path contains \$\. Move the project to another folder"):
        check_programs(Path("/srv/a$b"))


# The project's folder ------------------------------------------------------------------------------------------------

# Stands for Python: it logs what the Makefile asks for, and makes the environment when the test lets it.
FAKE_PYTHON = f"""#!/bin/sh
case "$1 $2" in
    supply/alone.py*) exec "{sys.executable}" "$@" ;;
    "-m venv") echo venv >> log; while [ ! -e go ]; do sleep 0.02; done; mkdir -p .venv/bin; cp "$0" .venv/bin/python ;;
    "-m pip") echo pip >> log ;;
esac
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """A fresh clone, as far as setting up concerns, in a folder with an odd name."""
    clone = tmp_path / f'{ODD} $HOME, "quoted" `id` \\'
    (clone / "supply").mkdir(parents=True)
    for name in ("Makefile", "requirements.txt", "requirements-dev.txt", "supply/alone.py"):
        shutil.copy(PROJECT_DIR / name, clone / name)
    (clone / "python").write_text(FAKE_PYTHON)
    (clone / "python").chmod(0o755)
    yield clone
    (clone / "go").touch()  # ends what a failed test has left waiting


def set_up(project: Path) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    with (project / "said").open("a") as said:
        return subprocess.Popen(
            ["make", "-j4", ".venv/installed", "PYTHON=./python"],
            cwd=project,
            env=environment,
            stdout=said,
            stderr=said,
            text=True,
        )


@pytest.mark.skipif(shutil.which("make") is None, reason="no make")
def test_the_second_of_two_set_ups_waits_says_so_and_repeats_nothing(project: Path) -> None:
    first = set_up(project)
    eventually(lambda: (project / "log").exists(), "the first is making the environment")
    second = set_up(project)
    eventually(lambda: "Waiting until it is done" in (project / "said").read_text(), "the second says that it waits")
    (project / "go").touch()
    assert (first.wait(20), second.wait(20)) == (0, 0)
    assert (project / "log").read_text().split() == ["venv", "pip"]
    assert set_up(project).wait(20) == 0
    assert (project / "log").read_text().split() == ["venv", "pip"], "nothing is left to do"
    assert "warning" not in (project / "said").read_text()
