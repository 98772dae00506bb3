"""The environment variables this service reads: names, types, ranges, defaults.

`docs/configuration.md` documents each one, and `tests/launcher/test_configuration.py` checks that the lists are equal.
"""

import json
import os
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import quote

from pydantic import (
    AliasChoices,
    Field,
    IPvAnyNetwork,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from engine.options import RANK_FIELDS
from foundation.contracts import ContractName
from katoproject.configuration.database_url import check_client_variables, check_database_url
from katoproject.configuration.folders import check_data_folder
from katoproject.configuration.redis_url import RedisServer, check_redis_host
from katoproject.configuration.urls import check_host_name, check_origin, with_small_scheme
from katoproject.configuration.weak_secrets import MAKE_A_SECRET, weakness

PROJECT_DIR = Path(__file__).resolve().parents[2]

MEBIBYTE = 1024 * 1024

# Connections that wait in the kernel until a web process accepts them.
BACKLOG = 2048


def either(*names: str) -> AliasChoices:
    """The first of these names that is set counts. KATO documents some names that its server ignored."""
    return AliasChoices(*names)


class Environment(BaseSettings):
    """The values of fields with `repr=False` are in no message: they hold passwords, or URLs, which may."""

    model_config = SettingsConfigDict(case_sensitive=True, extra="ignore", env_ignore_empty=True)
    # Django looks for this attribute at every `settings.ENV`, and pydantic takes 2 µs to say that there is none.
    _mask_wrapped: ClassVar[bool] = True

    # Process
    environment: Literal["development", "testing", "production"] = Field("development", alias="ENVIRONMENT")
    debug: bool = Field(False, alias="DEBUG")
    secret_key: str | None = Field(None, alias="KATO_SECRET_KEY", repr=False)
    allowed_hosts: Annotated[list[str], NoDecode] = Field([], alias="KATO_ALLOWED_HOSTS")
    data_dir: Path = Field(PROJECT_DIR / "data", alias="KATO_DATA_DIR")
    host: str = Field("127.0.0.1", alias="HOST")
    port: int = Field(8000, ge=1, le=65535, alias="PORT")
    workers: int = Field(2, ge=1, le=64, validation_alias=either("KATO_WORKERS", "WORKERS"))
    limit_concurrency: int = Field(8, ge=1, le=64, alias="KATO_LIMIT_CONCURRENCY")
    access: Literal["open", "keys"] | None = Field(None, alias="KATO_ACCESS")
    open_to_the_network: bool = Field(False, alias="KATO_OPEN_TO_THE_NETWORK")
    requests_per_second_and_address: float = Field(0, ge=0, alias="KATO_RATE_PER_ADDRESS")
    api_key: SecretStr | None = Field(None, alias="KATO_API_KEY", repr=False)
    contract: ContractName = Field(ContractName.KATO_3_10, alias="KATO_CONTRACT")
    service_name: str = Field("kato", min_length=1, alias="SERVICE_NAME")
    instance_id: str | None = Field(None, alias="KATO_INSTANCE_ID")
    hide_host: bool = Field(False, alias="KATO_HIDE_HOST")

    # Stores
    database_url: str | None = Field(None, alias="DATABASE_URL", repr=False)
    redis_url: str | None = Field(None, alias="REDIS_URL", repr=False)
    redis_host: str | None = Field(None, alias="REDIS_HOST", repr=False)
    redis_port: int = Field(6379, ge=1, le=65535, alias="REDIS_PORT")
    redis_tls: bool = Field(False, alias="REDIS_TLS")
    redis_password: str | None = Field(None, alias="REDIS_PASSWORD", repr=False)

    # Prediction
    index_memory_mb: int = Field(1024, ge=16, alias="KATO_INDEX_MEMORY_MB")
    index_dir: Path | None = Field(None, alias="KATO_INDEX_DIR")
    prediction_threads: int = Field(
        default_factory=lambda: min(8, os.cpu_count() or 1), ge=1, le=64, alias="KATO_PREDICTION_THREADS"
    )
    prediction_timeout: float = Field(25, ge=0.1, le=3600, alias="KATO_PREDICTION_TIMEOUT_SECONDS")

    # Monitoring
    metrics_cache_ttl: float = Field(5, ge=0, le=3600, alias="METRICS_CACHE_TTL_SECONDS")

    # Logging
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = Field("INFO", alias="LOG_LEVEL")
    log_format: Literal["human", "json"] = Field("human", alias="LOG_FORMAT")
    log_output: Literal["stdout", "stderr", "file"] = Field("stdout", alias="LOG_OUTPUT")

    # HTTP
    cors_enabled: bool = Field(True, alias="CORS_ENABLED")
    cors_origins: Annotated[list[str], NoDecode] = Field(["*"], alias="CORS_ORIGINS", repr=False)
    console_origins: Annotated[list[str], NoDecode] = Field([], alias="KATO_CONSOLE_ORIGINS", repr=False)
    console_idle: int = Field(43_200, ge=60, le=2_592_000, alias="KATO_CONSOLE_IDLE")
    login_failures: int = Field(5, ge=1, le=1000, alias="KATO_LOGIN_FAILURES")
    login_cool_off: int = Field(900, ge=1, le=86_400, alias="KATO_LOGIN_COOL_OFF")
    trusted_proxies: Annotated[list[IPvAnyNetwork], NoDecode] = Field([], alias="KATO_TRUSTED_PROXIES")
    hsts_seconds: int = Field(0, ge=0, le=63_072_000, alias="KATO_HSTS_SECONDS")
    docs_enabled: bool = Field(True, alias="DOCS_ENABLED")

    # Limits of one request, of one session, and of one page of a list (http.md 0.6)
    max_request_size: int = Field(16 * MEBIBYTE, ge=1024, alias="MAX_REQUEST_SIZE")
    limit_observation: int = Field(MEBIBYTE, ge=1024, alias="KATO_LIMIT_OBSERVATION")
    limit_metadata: int = Field(64 * 1024, ge=2, alias="KATO_LIMIT_METADATA")
    limit_values: int = Field(250_000, ge=1000, alias="KATO_LIMIT_VALUES")
    limit_text: int = Field(4096, ge=1, alias="KATO_LIMIT_TEXT")
    limit_symbols: int = Field(10_000, ge=1, alias="KATO_LIMIT_SYMBOLS")
    limit_emotives: int = Field(200, ge=1, alias="KATO_LIMIT_EMOTIVES")
    limit_vectors: int = Field(2000, ge=1, alias="KATO_LIMIT_VECTORS")
    limit_events: int = Field(10_000, ge=1, alias="KATO_LIMIT_EVENTS")
    limit_training: int = Field(50_000, ge=1, alias="KATO_LIMIT_TRAINING")
    limit_affinities: int = Field(30_000, ge=1000, alias="KATO_LIMIT_AFFINITIES")
    limit_pattern: int = Field(4 * MEBIBYTE, ge=1024, alias="KATO_LIMIT_PATTERN")
    limit_retired: int = Field(1_000_000, ge=1000, alias="KATO_LIMIT_RETIRED")
    limit_acts: int = Field(10_000_000, ge=10_000, alias="KATO_LIMIT_ACTS")
    limit_neighbour_seconds: float = Field(5, gt=0, le=3600, alias="KATO_LIMIT_NEIGHBOUR_SECONDS")
    limit_session: int = Field(16 * MEBIBYTE, ge=1024, alias="KATO_LIMIT_SESSION")
    limit_page: int = Field(4 * MEBIBYTE, ge=1024, alias="KATO_LIMIT_PAGE")

    export_seconds: float = Field(60, ge=1, le=3600, alias="KATO_EXPORT_SECONDS")

    # Connections, of each web process
    idle_timeout: float = Field(30, ge=1, le=3600, alias="KATO_IDLE_TIMEOUT_SECONDS")
    body_timeout: float = Field(20, ge=1, le=3600, alias="KATO_BODY_TIMEOUT_SECONDS")
    body_rate: int = Field(16 * 1024, ge=1, alias="KATO_BODY_BYTES_PER_SECOND")
    body_memory_mb: int = Field(256, ge=1, alias="KATO_BODY_MEMORY_MB")
    connections: int = Field(1000, ge=16, le=100_000, alias="KATO_CONNECTIONS")
    connections_per_address: int = Field(250, ge=8, le=100_000, alias="KATO_CONNECTIONS_PER_ADDRESS")
    websockets: int = Field(500, ge=1, le=100_000, alias="KATO_WEBSOCKETS")
    websockets_per_address: int = Field(100, ge=1, le=100_000, alias="KATO_WEBSOCKETS_PER_ADDRESS")

    # Sessions
    session_ttl: int = Field(3600, ge=60, le=86400, alias="SESSION_TTL")
    session_ttl_max: int = Field(31_536_000, ge=60, le=315_360_000, alias="KATO_SESSION_TTL_MAX")
    session_auto_extend: bool = Field(True, alias="SESSION_AUTO_EXTEND")

    # Defaults of a session's configuration (engine.md 6.3)
    max_pattern_length: int = Field(0, ge=0, alias="MAX_PATTERN_LENGTH")
    persistence: int = Field(5, ge=1, le=100, alias="PERSISTENCE")
    recall_threshold: float = Field(0.1, ge=0, le=1, alias="RECALL_THRESHOLD")
    stm_mode: Literal["CLEAR", "ROLLING"] = Field("CLEAR", alias="STM_MODE")
    indexer_type: Literal["VI", "LSH", "ANNOY", "FAISS"] = Field("VI", alias="INDEXER_TYPE")
    max_predictions: int = Field(100, ge=1, le=10000, alias="MAX_PREDICTIONS")
    sort_symbols: bool = Field(True, validation_alias=either("SORT_SYMBOLS", "SORT"))
    process_predictions: bool = Field(True, alias="PROCESS_PREDICTIONS")
    use_token_matching: bool = Field(True, validation_alias=either("USE_TOKEN_MATCHING", "KATO_USE_TOKEN_MATCHING"))
    fuzzy_token_threshold: float | None = Field(
        None, ge=0, le=1, validation_alias=either("FUZZY_TOKEN_THRESHOLD", "KATO_FUZZY_TOKEN_THRESHOLD")
    )
    rank_sort_algo: str = Field("potential", pattern=f"^({'|'.join(RANK_FIELDS)})$", alias="RANK_SORT_ALGO")
    affinity_emotive: str | None = Field(None, alias="AFFINITY_EMOTIVE")

    @field_validator("cors_origins", "allowed_hosts", "console_origins", "trusted_proxies", mode="before")
    @classmethod
    def _list_or_commas(cls, value: Any) -> Any:
        """A JSON list, which is KATO's form, or names separated by commas."""
        if not isinstance(value, str):
            return value
        return json.loads(value) if value.lstrip().startswith("[") else [part.strip() for part in value.split(",")]

    @field_validator("cors_origins", "console_origins")
    @classmethod
    def _are_origins(cls, value: list[str], about: ValidationInfo) -> list[str]:
        is_console = about.field_name == "console_origins"
        if is_console and not all(origin.startswith(("http://", "https://")) for origin in value):
            raise ValueError("each origin must begin with http:// or https://")
        for origin in value:
            if is_console or origin not in ("*", "null"):
                check_origin(origin)
        return value

    @field_validator("allowed_hosts")
    @classmethod
    def _are_hosts(cls, value: list[str]) -> list[str]:
        for name in value:
            check_host_name(name)
        return value

    @model_validator(mode="before")
    @classmethod
    def _nothing_else_leads_to_a_database(cls, values: Any) -> Any:
        check_client_variables()
        return values

    @field_validator("database_url")
    @classmethod
    def _names_a_database(cls, value: str | None) -> str | None:
        if value is not None:
            value = with_small_scheme(value)
            check_database_url(value)
        return value

    @field_validator("redis_url")
    @classmethod
    def _names_a_redis(cls, value: str | None) -> str | None:
        if value is not None:
            value = with_small_scheme(value)
            RedisServer.parse(_over_tls(value))  # whether it shall use TLS is not known yet
        return value

    @field_validator("redis_host")
    @classmethod
    def _is_a_host(cls, value: str | None) -> str | None:
        if value is not None:
            check_redis_host(value)
        return value

    @field_validator("host")
    @classmethod
    def _address(cls, value: str) -> str:
        """The web server takes nothing else, and would say so after everything else has started."""
        if value.lower() == "localhost":
            return "127.0.0.1"
        try:
            if "%" not in value:
                return str(ip_address(value.removeprefix("[").removesuffix("]")))
        except ValueError:
            pass  # the same message for all
        raise ValueError(
            "it must be an IP address of this machine without a zone, or localhost: 0.0.0.0 or :: for all networks, "
            "127.0.0.1 for this machine alone"
        )

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: Any) -> Any:
        return value.upper() if isinstance(value, str) else value

    @model_validator(mode="after")
    def _production_is_strict(self) -> "Environment":
        if self.environment != "production":
            return self
        if self.debug:
            raise ValueError("DEBUG must not be set when ENVIRONMENT=production: its error pages show the source code")
        if reason := weakness(self.secret_key or ""):
            raise ValueError(f"KATO_SECRET_KEY {reason}. ENVIRONMENT=production needs a random one: {MAKE_A_SECRET}")
        if "cors_origins" not in self.model_fields_set:
            self.cors_origins = []
        return self

    @model_validator(mode="after")
    def _threshold_is_of_the_contract(self) -> "Environment":
        if self.contract is not ContractName.KATO_3_10 and self.recall_threshold == 0:
            raise ValueError(
                f"RECALL_THRESHOLD must be above 0 with KATO_CONTRACT={self.contract}; a small number such as 0.001 "
                "returns every pattern that matches at all"
            )
        return self

    @model_validator(mode="after")
    def _largest_body_has_room(self) -> "Environment":
        if self.body_memory_mb * MEBIBYTE < self.max_request_size:
            raise ValueError("KATO_BODY_MEMORY_MB must be enough for a body of MAX_REQUEST_SIZE")
        return self

    @property
    def needs_keys(self) -> bool:
        return self.access == "keys"

    @property
    def console_cookies_need_tls(self) -> bool:
        """In production, unless an origin without TLS is named; elsewhere if only origins with TLS are."""
        if not self.console_origins:
            return self.environment == "production"
        return all(origin.startswith("https://") for origin in self.console_origins)

    @model_validator(mode="after")
    def _data_folder_can_hold_data(self) -> "Environment":
        try:
            check_data_folder(self.data_dir, embedded=self.database_url is None)
        except ValueError as error:
            raise ValueError(f"KATO_DATA_DIR: {error}") from None
        return self

    @model_validator(mode="after")
    def _redis_is_complete(self) -> "Environment":
        if self.redis_tls and self.redis_url is None and self.redis_host is None:
            raise ValueError("REDIS_TLS needs REDIS_URL or REDIS_HOST: the embedded Redis has no TLS")
        try:
            server = self.redis_server
        except ValueError as error:
            raise ValueError(f"REDIS_URL: {error}") from None
        if self.redis_tls and server is not None and not server.tls:
            raise ValueError("REDIS_TLS needs a host: a Unix socket has no TLS")
        return self

    @property
    def redis_server(self) -> RedisServer | None:
        """What REDIS_URL, or REDIS_HOST, REDIS_PORT, REDIS_PASSWORD and REDIS_TLS describe."""
        url = self.redis_url
        if url is None and self.redis_host:
            password = f":{quote(self.redis_password, safe='')}@" if self.redis_password else ""
            host = f"[{self.redis_host}]" if ":" in self.redis_host else self.redis_host
            url = f"redis://{password}{host}:{self.redis_port}/0"
        if url is None:
            return None
        return RedisServer.parse(_over_tls(url) if self.redis_tls else url)

    @property
    def effective_redis_url(self) -> str | None:
        return None if self.redis_server is None else self.redis_server.cache_url


def _over_tls(url: str) -> str:
    return f"rediss{url.removeprefix('redis')}" if url.startswith("redis://") else url


def variable_names() -> dict[str, list[str]]:
    """Field name → its environment variables, the one that counts first at the front."""
    names: dict[str, list[str]] = {}
    for field_name, field in Environment.model_fields.items():
        alias = field.validation_alias
        names[field_name] = [str(c) for c in alias.choices] if isinstance(alias, AliasChoices) else [str(alias)]
    return names


def read_environment() -> Environment:
    """The validated environment.

    Raises SystemExit with all wrong variables: a service must not start with settings that it guessed.
    """
    try:
        return Environment()
    except ValidationError as error:
        lines = [_line_of(problem) for problem in error.errors()]
        raise SystemExit("Invalid environment variables:\n" + "\n".join(lines)) from None


def _line_of(problem: ErrorDetails) -> str:
    reason = problem["msg"].removeprefix("Value error, ")
    if not problem["loc"]:
        return f"  {reason}"
    field_name = str(problem["loc"][0])
    name = " / ".join(variable_names().get(field_name, [field_name]))
    field = Environment.model_fields.get(field_name)
    given = f" (got {problem['input']!r})" if field is not None and field.repr else ""
    return f"  {name}: {reason}{given}"
