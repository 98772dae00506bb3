"""ENVIRONMENT=production refuses what must not face strangers, and passes Django's deployment check."""

import os
import re
import secrets
import subprocess
import sys

import pytest

from katoproject.configuration.environment import PROJECT_DIR, Environment, read_environment
from katoproject.configuration.weak_secrets import MAKE_A_SECRET, weakness

GOOD = secrets.token_urlsafe(48)


def check(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "check", *options],
        cwd=PROJECT_DIR,
        env={**os.environ, "ENVIRONMENT": "production", "KATO_SECRET_KEY": GOOD, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def production(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Environment:
    for name, value in {"ENVIRONMENT": "production", "KATO_SECRET_KEY": GOOD, **variables}.items():
        monkeypatch.setenv(name, value)
    return read_environment()


def test_the_deployment_check_has_nothing_to_say() -> None:
    result = check("--deploy", "--fail-level", "WARNING")
    assert result.returncode == 0, result.stderr
    assert "no issues" in result.stdout


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        ({"KATO_TRUSTED_PROXIES": "127.0.0.1", "KATO_ACCESS": "open"}, "kato.W001"),
        ({"HOST": "0.0.0.0", "KATO_ACCESS": "open", "KATO_OPEN_TO_THE_NETWORK": "yes"}, "kato.W001"),
        ({"KATO_TRUSTED_PROXIES": "10.0.0.1,0.0.0.0/0", "KATO_ACCESS": "keys"}, "kato.W002"),
        ({"KATO_ALLOWED_HOSTS": "*"}, "kato.W003"),
        ({"CORS_ORIGINS": "*"}, "kato.W004"),
    ],
)
def test_the_deployment_check_names_what_lets_strangers_in(variables: dict[str, str], problem: str) -> None:
    result = check("--deploy", "--fail-level", "WARNING", **variables)
    assert result.returncode == 1
    assert re.findall(r"kato\.W\d+", result.stderr) == [problem]


def test_it_does_not_start_with_debug() -> None:
    result = check(DEBUG="true")
    assert result.returncode != 0
    assert "DEBUG must not be set" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    "secret",
    [
        "x",
        "s" * 60,
        GOOD[:49],
        "abcdefghij" * 6,
        "django-insecure-" + GOOD,
        "change-me-to-something-that-nobody-can-guess-0123456789",
        "this is my very long Secret of 1999, and nobody guesses it",
    ],
    # GOOD is another one in each process of the tests.
    ids=["letter", "one-letter", "short", "pattern", "django", "placeholder", "sentence"],
)
def test_it_does_not_start_with_a_weak_secret(monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    """The message says which variable it is and how to make a good one, and never shows the value."""
    with pytest.raises(SystemExit) as refused:
        production(monkeypatch, KATO_SECRET_KEY=secret)
    message = str(refused.value)
    assert "KATO_SECRET_KEY" in message
    assert MAKE_A_SECRET in message
    assert len(secret) == 1 or secret not in message


def test_the_command_of_that_message_makes_a_good_one() -> None:
    made = subprocess.run(MAKE_A_SECRET, shell=True, capture_output=True, text=True, check=True)
    assert weakness(made.stdout.strip()) is None
    assert weakness(secrets.token_hex(32)) is None


@pytest.mark.parametrize(
    ("variables", "need_tls"),
    [
        ({}, True),
        ({"KATO_CONSOLE_ORIGINS": "https://kato.example.com"}, True),
        ({"KATO_CONSOLE_ORIGINS": "https://kato.example.com,http://10.0.0.1:8000"}, False),
        ({"ENVIRONMENT": "development"}, False),
        ({"ENVIRONMENT": "development", "KATO_CONSOLE_ORIGINS": "https://kato.example.com"}, True),
    ],
)
def test_the_cookies_of_the_console_need_tls(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], need_tls: bool
) -> None:
    """In production an origin without TLS must be named, or they are for TLS only."""
    assert production(monkeypatch, **variables).console_cookies_need_tls is need_tls


def test_no_page_of_another_origin_is_allowed_unless_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert production(monkeypatch).cors_origins == []
    assert production(monkeypatch, CORS_ORIGINS="").cors_origins == []
    assert production(monkeypatch, CORS_ORIGINS="https://a").cors_origins == ["https://a"]
    assert production(monkeypatch, ENVIRONMENT="development", CORS_ORIGINS="").cors_origins == ["*"]
