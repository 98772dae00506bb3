"""Settings come from the environment; an invalid one stops the start and is named (docs/configuration.md)."""

import os
import re
import subprocess
import sys

import pytest

from katoproject.configuration.environment import PROJECT_DIR, Environment, read_environment, variable_names


def run_check(*, command: str = "check", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", command],
        cwd=PROJECT_DIR,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_invalid_values_stop_the_start_and_all_are_named() -> None:
    wrong = {
        "SESSION_TTL": "59",
        "RECALL_THRESHOLD": "2",
        "PORT": "http",
        "STM_MODE": "rolling",
        "LOG_LEVEL": "LOUD",
        "KATO_CONSOLE_ORIGINS": "kato.example.com",
    }
    result = run_check(**wrong)
    assert result.returncode != 0
    for name in wrong:
        assert name in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("given", "host"), [("localhost", "127.0.0.1"), ("[::1]", "::1"), ("::", "::"), ("0.0.0.0", "0.0.0.0")]
)
def test_the_address_of_the_web_server_may_be_spelt_so(given: str, host: str) -> None:
    assert Environment(HOST=given).host == host


@pytest.mark.parametrize("given", ["example.com", "fe80::1%eth0", "127.0.0.1:8000", "http://127.0.0.1"])
def test_another_address_is_refused_before_anything_starts(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("HOST", given)
    with pytest.raises(SystemExit, match=r"HOST: .*it must be an IP address of this machine"):
        read_environment()


def test_contract_6_3_does_not_start_with_a_threshold_of_0(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECALL_THRESHOLD", "0")
    assert read_environment().recall_threshold == 0
    monkeypatch.setenv("KATO_CONTRACT", "6.3")
    with pytest.raises(SystemExit, match=r"RECALL_THRESHOLD must be above 0 with KATO_CONTRACT=6\.3"):
        read_environment()
    monkeypatch.setenv("RECALL_THRESHOLD", "0.001")
    assert read_environment().contract == "6.3"


def test_an_unknown_contract_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KATO_CONTRACT", "6.2")
    with pytest.raises(SystemExit, match=r"KATO_CONTRACT: .*'3\.10' or '6\.3'"):
        read_environment()


def test_settings_of_kato_without_a_meaning_here_are_ignored() -> None:
    result = run_check(
        CLICKHOUSE_HOST="x", QDRANT_PORT="y", KATO_USE_BLOOM_FILTER="z", SESSION="{", REDIS_ENABLED="true"
    )
    assert result.returncode == 0


@pytest.mark.parametrize(
    ("variables", "field", "value"),
    [
        ({"SORT": "false"}, "sort_symbols", False),
        ({"SORT_SYMBOLS": "true", "SORT": "false"}, "sort_symbols", True),
        ({"KATO_USE_TOKEN_MATCHING": "false"}, "use_token_matching", False),
        ({"KATO_FUZZY_TOKEN_THRESHOLD": "0.5"}, "fuzzy_token_threshold", 0.5),
        ({"WORKERS": "3"}, "workers", 3),
        ({"KATO_WORKERS": "5", "WORKERS": "3"}, "workers", 5),
        ({"CORS_ORIGINS": '["http://a", "http://b"]'}, "cors_origins", ["http://a", "http://b"]),
        ({"CORS_ORIGINS": "http://a, http://b"}, "cors_origins", ["http://a", "http://b"]),
        ({"KATO_CONSOLE_ORIGINS": "https://a, https://b"}, "console_origins", ["https://a", "https://b"]),
        ({"LOG_LEVEL": "debug"}, "log_level", "DEBUG"),
        ({"SESSION_TTL": ""}, "session_ttl", 3600),
    ],
)
def test_both_spellings_and_lists(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], field: str, value: object
) -> None:
    """D36."""
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    assert getattr(read_environment(), field) == value


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({}, None),
        ({"REDIS_URL": "redis://r:1/2"}, "redis://r:1/2"),
        ({"REDIS_HOST": "r"}, "redis://r:6379/0"),
        ({"REDIS_HOST": "r", "REDIS_PASSWORD": "p@ss/word", "REDIS_PORT": "7"}, "redis://:p%40ss%2Fword@r:7/0"),
        ({"REDIS_URL": "redis://r:1/2", "REDIS_TLS": "true"}, "rediss://r:1/2"),
    ],
)
def test_redis_may_be_named_in_parts(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], url: str | None
) -> None:
    monkeypatch.delenv("REDIS_URL", raising=False)
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    assert read_environment().effective_redis_url == url


def test_the_documented_list_is_the_list() -> None:
    text = (PROJECT_DIR / "docs" / "configuration.md").read_text()
    documented = set(re.findall(r"^\| `([A-Z_]+)`", text, re.MULTILINE))
    read = {name for names in variable_names().values() for name in names}
    assert documented == read
    for field, names in variable_names().items():
        default = Environment.model_fields[field].default
        if isinstance(default, bool | int | float | str):
            row = next(line for line in text.splitlines() if line.startswith(f"| `{names[0]}`"))
            shown = str(default).lower() if isinstance(default, bool) else str(default)
            assert f"| `{shown}` |" in row, f"{names[0]}: default {shown} is not what is documented"
