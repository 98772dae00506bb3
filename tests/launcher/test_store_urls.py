"""DATABASE_URL and REDIS_URL are read as the clients read them, before anything starts (docs/configuration.md)."""

import ssl
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st
from kombu.utils.url import parse_url as parsed_by_kombu
from redis.connection import SSLConnection, UnixDomainSocketConnection
from redis.connection import parse_url as parsed_by_redis

from katoproject.configuration.database_url import OWN_SETTINGS, check_database_url
from katoproject.configuration.environment import Environment, read_environment
from katoproject.configuration.redis_url import RedisServer
from katoproject.settings import _database
from tests.launcher.test_configuration import run_check

SECRET = "hunter2x"


def refusal(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    for name in ("DATABASE_URL", "REDIS_URL", "REDIS_HOST"):
        monkeypatch.delenv(name, raising=False)
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    with pytest.raises(SystemExit) as refused:
        read_environment()
    message = str(refused.value)
    assert SECRET not in message
    return message


# PostgreSQL ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://kato:{SECRET}@db/kato",
        "postgres://kato:p%40%2F%3A%23%25@[::1]:5432/kato?sslmode=verify-full&application_name=mine",
        "postgresql://one:5432,two:5433/kato?target_session_attrs=read-write",
        "postgresql:///kato?host=/run/with%20space",
        "host=db user=kato dbname=kato connect_timeout=5",
        "postgresql://db/kato?options=-csearch_path%3Dmine",
        "postgresql://db/kato?options=-cdefault_transaction_read_only%3Doff",
    ],
)
def test_what_the_client_of_postgresql_understands_is_accepted(url: str) -> None:
    check_database_url(url)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (f"mysql://kato:{SECRET}@db/kato", "the scheme mysql:// is not supported. Use postgresql://"),
        (f"postgres+asyncpg://kato:{SECRET}@db/kato", "the scheme postgres+asyncpg:// is not supported"),
        (SECRET, "PostgreSQL's client cannot read it: a part of it has no ="),
        (f"postgresql://kato:{SECRET}/x@db/kato", "there is an @ behind the host"),
        (f"postgresql://kato:1/{SECRET}@db/kato", "there is an @ behind the host"),
        (f"postgresql://kato:x@{SECRET}@db/kato", "there is an @ behind the host"),
        (f"postgresql://kato:%zz{SECRET}@db/kato", "invalid percent-encoded token"),
        (f"postgresql://kato:%FF{SECRET}@db/kato", "what it has percent-encoded is not UTF-8"),
        (f"postgresql://kato:{SECRET}@db:99999/kato", "invalid port number"),
        (f"postgresql://kato:{SECRET}@db:port/kato", "invalid integer value for port"),
        (f"postgresql://kato:{SECRET}@db/kato?pool={SECRET}", "invalid URI query parameter"),
        (f"postgresql://kato:{SECRET}@db/kato?sslmode={SECRET}", "invalid sslmode value"),
        (f"postgresql://kato:{SECRET}@db/kato\n", "it begins or ends with white space"),
        (f"postgresql://kato:{SECRET}@db/ka\nto", "it contains a line break or another control character"),
        (f"host=one,two port=1,2,3 password={SECRET}", "could not match 3 port numbers to 2 hosts"),
        (f"service={SECRET}", "definition of service"),
        ("postgresql://db/kato?connect_timeout=0", "connect_timeout must be a number of seconds from 1 to 30"),
        ("postgresql://db/kato?client_encoding=latin1", "client_encoding must be UTF8"),
        ("postgresql://db/kato?sslrootcert=/nonexistent", "the file that sslrootcert names cannot be read"),
        ("postgresql://db/kato?sslrootcert=/tmp", "the file that sslrootcert names is a folder"),
        ("postgresql://db/kato?options=-c%20statement_timeout%3D0", "options sets statement_timeout"),
        ("postgresql://db/kato?options=--lock-timeout%3D0", "options sets lock-timeout"),
        ("postgresql://db/kato?options=-cDateStyle%3DGerman", "options sets datestyle"),
        (
            "host=db options='-c default_transaction_isolation=serializable'",
            "options sets default_transaction_isolation",
        ),
    ],
)
def test_what_it_does_not_understand_stops_the_start(monkeypatch: pytest.MonkeyPatch, url: str, reason: str) -> None:
    message = refusal(monkeypatch, DATABASE_URL=url)
    assert message.startswith("Invalid environment variables:\n  DATABASE_URL: ")
    assert reason in message


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ("target_session_attrs=standby", "target_session_attrs asks for a server that only reads"),
        ("target_session_attrs=prefer-standby", "target_session_attrs asks for a server that only reads"),
        ("target_session_attrs=read-only", "target_session_attrs asks for a server that only reads"),
        ("replication=database", "replication is for connections of standbys"),
        ("options=-cdefault_transaction_read_only%3Don", "options sets default_transaction_read_only, and the service"),
        ("options=--default-transaction-read-only%3D1", "options sets default-transaction-read-only, and the service"),
    ],
)
def test_a_url_with_which_nothing_could_be_written_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, option: str, reason: str
) -> None:
    message = refusal(monkeypatch, DATABASE_URL=f"postgresql://kato:{SECRET}@db/kato?{option}")
    assert message.startswith("Invalid environment variables:\n  DATABASE_URL: ")
    assert reason in message


@pytest.mark.parametrize("embedded", [True, False])
@pytest.mark.parametrize(
    ("variable", "text", "reason"),
    [
        ("PGSERVICE", SECRET, "PGSERVICE would lead the connections to PostgreSQL elsewhere"),
        ("PGSERVICE", "", "PGSERVICE would lead the connections to PostgreSQL elsewhere"),
        ("PGHOSTADDR", "10.0.0.1", "PGHOSTADDR would lead the connections to PostgreSQL elsewhere"),
        ("PGOPTIONS", "-c statement_timeout=0", "PGOPTIONS sets statement_timeout, which the service sets itself"),
        ("PGOPTIONS", "-cdefault_transaction_read_only=on", "PGOPTIONS sets default_transaction_read_only, and the"),
    ],
)
def test_a_variable_of_the_client_that_does_the_same_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str, reason: str, embedded: bool
) -> None:
    variables = {variable: text} if embedded else {variable: text, "DATABASE_URL": "postgresql://db/kato"}
    message = refusal(monkeypatch, **variables)
    assert message.startswith(f"Invalid environment variables:\n  {reason}")


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ("options=-cdefault_transaction_read_only=on", "options sets default_transaction_read_only"),
        ("replication=database", "replication is for connections of standbys"),
    ],
)
def test_a_service_of_the_client_is_examined_like_the_url_that_names_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, option: str, reason: str
) -> None:
    services = tmp_path / "pg_service.conf"
    services.write_text(f"[mine]\nhost=db\n{option}\n")
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    assert reason in refusal(monkeypatch, DATABASE_URL="service=mine")


@pytest.mark.parametrize(
    ("url", "scheme"), [("POSTGRESQL://db/kato", "postgresql"), ("Postgres://db/kato", "postgres")]
)
def test_the_scheme_may_be_in_capitals(monkeypatch: pytest.MonkeyPatch, url: str, scheme: str) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("REDIS_URL", "REDIS://:SeCrEt@h/1")
    monkeypatch.setenv("REDIS_TLS", "true")
    read = read_environment()
    assert read.database_url == f"{scheme}://db/kato"
    assert read.effective_redis_url == "rediss://:SeCrEt@h:6379/1"


def test_options_of_the_url_are_added_to_those_of_the_service() -> None:
    options = _database("postgresql://db/kato?options=-csearch_path%3Dmine&application_name=mine&connect_timeout=7")[
        "OPTIONS"
    ]
    assert options["options"].startswith("-csearch_path=mine")
    assert (options["application_name"], options["connect_timeout"]) == ("mine", "7")


def test_the_settings_that_a_url_may_not_set_are_those_of_the_service() -> None:
    assert set(settings.DATABASE_SESSION | settings.DATABASE_KEEPALIVE) == set(OWN_SETTINGS)


# Redis ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (f"sentinel://:{SECRET}@h:26379/mymaster", "the scheme sentinel:// is not supported: use redis://, rediss://"),
        (f"redis+sentinel://:{SECRET}@h", "the scheme redis+sentinel:// is not supported"),
        (f"redis+cluster://:{SECRET}@h", "the scheme redis+cluster:// is not supported"),
        (f"redis+socket://:{SECRET}@/path", "the scheme redis+socket:// is not supported"),
        (f"amqp://kato:{SECRET}@h", "the scheme amqp:// is not supported"),
        ("memory://", "the scheme memory:// is not supported"),
        (SECRET, "a URL without a scheme is not supported"),
        (f"redis://:{SECRET}/x@h/0", "its host or port is malformed"),
        (f"redis://:1/{SECRET}@h/0", "its password, host or port is malformed"),
        (f"redis://:1#{SECRET}@h/0", "its password, host or port is malformed"),
        (f"redis://:1?{SECRET}@h/0", "what follows the ? is malformed"),
        (f"redis://h?{SECRET}=1", "it has an option that is not supported; db, ssl_ca_certs"),
        ("redis://h?socket_timeout=9", "it has the option socket_timeout that is not supported"),
        (f"redis://:%FF{SECRET}@h/0", "what it has percent-encoded is not UTF-8. In user names and passwords"),
        (f"redis://%FF:{SECRET}@h/0", "what it has percent-encoded is not UTF-8"),
        ("unix:///run/%FF", "what it has percent-encoded is not UTF-8"),
        ("rediss://h?ssl_ca_certs=%FF", "what follows the ? is malformed"),
        (f"redis://:{SECRET}@h1,h2/0", "it names several hosts, and the service uses one Redis: Sentinel and cluster"),
        ("redis:///0", "it names no host"),
        (f"redis://h/{SECRET}", "the number of the database is no number"),
        ("redis://h/1?db=2", "its path and its query name different databases"),
        ("unix://run/redis.sock", "a Unix socket is unix:///path, with three slashes"),
        ("rediss://h?ssl_cert_reqs=none", "ssl_cert_reqs must be required: the service verifies the certificate"),
        ("rediss://h?ssl_check_hostname=false", "ssl_check_hostname must be true"),
        ("rediss://h?ssl_ca_certs=/nonexistent", "the file that ssl_ca_certs names cannot be read by this account"),
        ("rediss://h?ssl_ca_certs=/tmp", "the file that ssl_ca_certs names is a folder"),
        (f"rediss://h?ssl_ca_certs={__file__}", "the file that ssl_ca_certs names holds no certificates"),
        ("rediss://h?ssl_keyfile=/nonexistent", "the file that ssl_keyfile names cannot be read by this account"),
        ("rediss://h?ssl_keyfile=/tmp", "the file that ssl_keyfile names is a folder"),
        (f"rediss://h?ssl_keyfile={__file__}", "ssl_keyfile needs ssl_certfile"),
        (f"rediss://h?ssl_certfile={__file__}", "ssl_certfile and ssl_keyfile hold no certificate with its key"),
        ("redis://h?ssl_ca_certs=/nonexistent", "ssl_ca_certs"),
    ],
)
def test_a_redis_url_that_is_not_supported_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, url: str, reason: str
) -> None:
    message = refusal(monkeypatch, REDIS_URL=url)
    assert message.startswith("Invalid environment variables:\n  REDIS_URL: ")
    assert reason in message


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"REDIS_HOST": "redis:6379"}, "REDIS_HOST: it must be a host name or an address alone"),
        ({"REDIS_HOST": f"redis://:{SECRET}@h"}, "REDIS_HOST: it must be a host name or an address alone"),
        ({"REDIS_HOST": "h1,h2"}, "REDIS_HOST: it names several hosts"),
        ({"REDIS_TLS": "true"}, "REDIS_TLS needs REDIS_URL or REDIS_HOST"),
        ({"REDIS_TLS": "true", "REDIS_URL": "unix:///run/redis.sock"}, "REDIS_TLS needs a host"),
    ],
)
def test_parts_that_make_no_redis_stop_the_start(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], reason: str
) -> None:
    assert reason in refusal(monkeypatch, **variables)


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=12)


def by_kombu(server: RedisServer) -> dict[str, Any]:
    """Host or path, port, credentials and database that kombu's transport for Redis connects with."""
    outer = parsed_by_kombu(server.broker_url.removeprefix("redis+"))
    where = outer["hostname"] if server.host else f"/{outer['virtual_host']}"
    login = {"username": outer["userid"], "password": outer["password"]}
    return {"where": where, "port": outer["port"], "db": outer["virtual_host"], **login}


@given(username=TEXT, password=TEXT, host=st.sampled_from(["h", "::1", "10.0.0.1", "r.example"]), tls=st.booleans())
def test_cache_and_broker_get_the_same_server(username: str, password: str, host: str, tls: bool) -> None:
    server = RedisServer(host=host, port=7, username=username, password=password, db=3, tls=tls)
    assert RedisServer.parse(server.cache_url) == server
    cache: dict[str, Any] = parsed_by_redis(server.cache_url)  # type: ignore[no-untyped-call]
    broker = by_kombu(server)
    assert (cache["host"], cache["port"], cache["db"]) == (broker["where"], broker["port"], int(broker["db"]))
    assert cache.get("username") == broker["username"] == (username or None)
    assert cache.get("password") == broker["password"] == (password or None)
    assert (cache.get("connection_class") is SSLConnection) == tls
    assert (server.broker_tls is not None) == tls


@given(path=TEXT.map(lambda text: f"/run/{text}"), password=TEXT)
def test_cache_and_broker_get_the_same_socket(path: str, password: str) -> None:
    server = RedisServer(path=path, password=password)
    cache: dict[str, Any] = parsed_by_redis(server.cache_url)  # type: ignore[no-untyped-call]
    broker = by_kombu(server)
    assert cache["path"] == broker["where"] == path
    assert cache.get("password") == broker["password"] == (password or None)
    assert cache["connection_class"] is UnixDomainSocketConnection


def test_the_certificate_and_the_host_are_verified_for_cache_and_broker() -> None:
    server = RedisServer.parse("rediss://h")
    # What redis-py does without options is tested with a real server (tests/launcher/test_redis_over_tls.py).
    assert "ssl_" not in server.cache_url
    assert server.broker_tls == {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True}


def test_an_ipv6_address_may_be_the_host() -> None:
    assert Environment(REDIS_URL=None, REDIS_HOST="::1").effective_redis_url == "redis://[::1]:6379/0"


# Everything else -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"CORS_ORIGINS": f"https://u:{SECRET}@h"}, "CORS_ORIGINS: each origin is scheme://host"),
        ({"CORS_ORIGINS": "https://h/"}, "CORS_ORIGINS: each origin is scheme://host"),
        ({"CORS_ORIGINS": "h.example"}, "CORS_ORIGINS: each origin is scheme://host"),
        ({"KATO_CONSOLE_ORIGINS": f"https://h/{SECRET}"}, "KATO_CONSOLE_ORIGINS: each origin is scheme://host"),
        ({"KATO_CONSOLE_ORIGINS": "ftp://h"}, "KATO_CONSOLE_ORIGINS: each origin must begin with http:// or https://"),
        ({"KATO_ALLOWED_HOSTS": "https://h"}, "KATO_ALLOWED_HOSTS: each host is a name or an address"),
        ({"KATO_ALLOWED_HOSTS": "h:8000"}, "KATO_ALLOWED_HOSTS: each host is a name or an address"),
    ],
)
def test_an_origin_or_host_that_can_never_match_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], reason: str
) -> None:
    assert reason in refusal(monkeypatch, **variables)


def test_no_message_has_the_value_of_a_secret() -> None:
    hidden = {name for name, field in Environment.model_fields.items() if not field.repr}
    assert {"secret_key", "api_key", "database_url", "redis_url", "redis_password", "cors_origins"} <= hidden


def test_a_wrong_url_is_no_traceback() -> None:
    refused = run_check(DATABASE_URL=f"postgresql://kato:%zz{SECRET}@db/kato", REDIS_URL=f"sentinel://:{SECRET}@h")
    assert refused.returncode != 0
    for name in ("DATABASE_URL", "REDIS_URL"):
        assert f"  {name}: " in refused.stderr
    assert "Traceback" not in refused.stderr
    assert SECRET not in refused.stderr + refused.stdout
