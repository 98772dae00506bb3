"""Promises of docker-compose.yml and Dockerfile, checked without a container engine."""

import re
from typing import Any

import pytest
import yaml

from katoproject.configuration.environment import PROJECT_DIR, variable_names

DOCKERFILE = (PROJECT_DIR / "Dockerfile").read_text()
TEXT = (PROJECT_DIR / "docker-compose.yml").read_text()
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["services"]
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
    for secret in ("KATO_SECRET_KEY", "POSTGRES_PASSWORD"):
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


def test_redis_honours_its_password_and_never_drops_the_queues() -> None:
    command = SERVICES["redis"]["command"][-1]
    assert '--requirepass "$$REDIS_PASSWORD"' in command
    assert "--maxmemory-policy volatile-lru" in command


@pytest.mark.parametrize("name", ["web", "worker", "beat"])
def test_every_program_waits_for_the_migrations(name: str) -> None:
    assert SERVICES[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert SERVICES["migrate"]["depends_on"]["db"] == {"condition": "service_healthy"}


@pytest.mark.parametrize("name", OURS)
def test_every_setting_is_one_that_the_service_reads(name: str) -> None:
    known = {variable for spellings in variable_names().values() for variable in spellings}
    assert set(SERVICES[name]["environment"]) - {"PGPASSWORD", "PROMETHEUS_MULTIPROC_DIR"} <= known
