"""What the service writes is for its own account only: logs, counters, data (docs/security.md)."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

from benchmarks.stack import WebServer, eventually
from katoproject.configuration.environment import PROJECT_DIR
from katoproject.configuration.locations import run_dir
from katoproject.launcher.installation import make_data_folder

# Programs of the embedded servers of root are for their account, too; kernels are no secret and are where others are.
PROGRAMS = ("bin", "bin.new-")


def open_to_others(folder: Path) -> list[str]:
    """The files that another account could read or write, and the folders that it could list or write into."""
    found = []
    for path in folder.rglob("*"):
        if path.is_symlink() or path.is_socket() or path.relative_to(folder).parts[0].startswith(PROGRAMS):
            continue
        denied = 0o066 if path.is_dir() else 0o077
        if stat.S_IMODE(path.stat().st_mode) & denied and not is_collected(path, folder):
            found.append(f"{path} {oct(path.stat().st_mode)}")
    return found


def is_collected(path: Path, folder: Path) -> bool:
    """Static files are for everybody; Django gives them their mode itself."""
    return path.relative_to(folder).parts[0] == "static"


def writing_into(data: Path) -> dict[str, str]:
    """The environment of a process with this data folder, and the stores of this run."""
    stores = run_dir()
    return {
        "KATO_DATA_DIR": str(data),
        "LOG_OUTPUT": "file",
        "DATABASE_URL": os.environ.get("DATABASE_URL", f"postgresql://kato@/kato?host={stores}"),
        "REDIS_URL": os.environ.get("REDIS_URL", f"unix://{stores / 'redis.sock'}"),
    }


@contextmanager
def usual_umask() -> Iterator[None]:
    """That of most accounts, which start the service with it."""
    former = os.umask(0o022)
    yield
    os.umask(former)


@pytest.mark.exhaustive
def test_nobody_else_can_read_what_its_processes_write(folder: Path) -> None:
    data = folder / "data"
    environment = writing_into(data)
    web = WebServer(workers=1, **environment)
    with usual_umask(), web:
        assert httpx.post(f"{web.url}/sessions", json={"node_id": "n"}).status_code == 200
        eventually(lambda: (data / "kato.log").exists(), "the log is written")
        command = [sys.executable, "manage.py", "upkeep"]
        subprocess.run(command, cwd=PROJECT_DIR, env={**os.environ, **environment}, check=True, capture_output=True)
        assert {path.name for path in data.iterdir()} >= {"kato.log", "monitoring", "secret-key", "static"}
        assert open_to_others(data) == []


@pytest.mark.exhaustive
def test_nor_what_a_worker_writes(folder: Path) -> None:
    data = folder / "worker"
    counters = data / "monitoring" / "worker"
    environment = {**os.environ, **writing_into(data), "PROMETHEUS_MULTIPROC_DIR": str(counters)}
    command = [sys.executable, "-m", "celery", "-A", "katoproject", "--quiet", "worker", "--concurrency=1"]
    with usual_umask(), subprocess.Popen(command, cwd=PROJECT_DIR, env=environment) as process:
        try:
            eventually(lambda: bool(list(counters.glob("*.db"))), "the worker counts", seconds=60)
            assert open_to_others(data) == []
        finally:
            process.terminate()


def test_what_an_earlier_release_wrote_is_made_private(tmp_path: Path) -> None:
    for name in ("postgres.log", "redis.log", "kato.log"):
        (tmp_path / name).touch(mode=0o644)
    (tmp_path / "monitoring").mkdir(mode=0o755)
    make_data_folder(tmp_path)
    assert open_to_others(tmp_path) == []


@pytest.mark.exhaustive
def test_the_embedded_servers_start_in_a_folder_that_is_created_then(folder: Path) -> None:
    """Under root they have another account, which must be able to enter all folders on the way."""
    data = folder / "not" / "there" / "yet"
    environment = {**os.environ, "KATO_DATA_DIR": str(data)}
    for name in ("DATABASE_URL", "REDIS_URL"):
        environment.pop(name, None)
    command = [sys.executable, "manage.py", "up", "--stores"]
    up = partial(subprocess.Popen, command, cwd=PROJECT_DIR, env=environment, stdout=subprocess.PIPE, text=True)
    with usual_umask(), up() as process:
        try:
            assert process.stdout is not None
            said = []
            for line in process.stdout:
                said.append(line)
                if "The stores are up" in line:
                    break
            assert "The stores are up" in said[-1], said
            assert open_to_others(data) == []
        finally:
            process.terminate()
