"""Django settings, derived from the environment (`katoproject/configuration/environment.py`) and nothing else."""

import os
from typing import Any

from psycopg.conninfo import conninfo_to_dict

from foundation.background import QUEUE
from katoproject.configuration.console_theme import unfold
from katoproject.configuration.environment import PROJECT_DIR, read_environment
from katoproject.configuration.keepalive import OF_LIBPQ, OF_POSTGRESQL, OF_REDIS
from katoproject.configuration.locations import data_dir, postgres_url, redis_url
from katoproject.configuration.redis_url import RedisServer
from katoproject.configuration.secret import kept_secret
from katoproject.configuration.versions import API_VERSION

# Every process reads the settings before it creates a file. Logs, counters and all other data are for its own account
# only. Others may enter the folders of root, because its embedded servers have another account; they see nothing there.
os.umask(0o066 if os.geteuid() == 0 else 0o077)

ENV = read_environment()
BASE_DIR = PROJECT_DIR

DEBUG = ENV.debug
SECRET_KEY = ENV.secret_key or kept_secret(data_dir())
DEFAULT_EXCEPTION_REPORTER_FILTER = "foundation.http.error_pages.NoPasswords"
# Checked before Django looks at a request, and by a rule that Django does not know (`foundation/http/hosts.py`).
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "katoproject.urls"
WSGI_APPLICATION = "katoproject.server.wsgi.application"
APPEND_SLASH = False
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-us"
USE_I18N = False

INSTALLED_APPS = [
    # Before Django's admin, whose templates it replaces. The site is that of the console.
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "katoproject.console.apps.ConsoleConfig",
    # Before Django's auth, whose command `createsuperuser` it replaces.
    "katoproject.logins",
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "katoproject",
    "katoproject.monitoring",
    "katoproject.upkeep",
    "access_app",
    "memory_app",
    "sessions_app",
]
MIDDLEWARE = ["katoproject.server.middleware.Envelope"]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [
            PROJECT_DIR / part / "templates"
            for part in ("katoproject/console", "katoproject/openapi", "foundation/console")
        ],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATA_DIR = data_dir()
# What the processes of this host share of the memories that they predict from; it can be deleted at any time.
INDEX_DIR = ENV.index_dir or data_dir() / "indexes"
STATIC_URL = "/static/"
STATICFILES_DIRS = [PROJECT_DIR / "katoproject" / "console" / "static"]
STATIC_ROOT = data_dir() / "static"

# The console ---------------------------------------------------------------------------------------------------------

UNFOLD = unfold(ENV)
SILENCED_SYSTEM_CHECKS = [
    # These want the middlewares of the console in MIDDLEWARE; it has a chain of its own (console/middleware.py), and
    # Django's admin protects its forms itself.
    *("admin.E408", "admin.E409", "admin.E410", "security.W003"),
    # These want middlewares for headers that are on every answer (server/browser_headers.py).
    *("security.W001", "security.W002"),
]
# Cookies of operators' logins, not of KATO's sessions. Browsers send them to the console only.
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "kato_console", "kato_console_csrf"
SESSION_COOKIE_PATH = CSRF_COOKIE_PATH = "/admin/"
CSRF_TRUSTED_ORIGINS = ENV.console_origins
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = ENV.console_cookies_need_tls

# Where a login leads that no page asked for.
LOGIN_REDIRECT_URL = "admin:index"
# A login ends when it was not used for this long, on the server as in the browser.
SESSION_COOKIE_AGE = ENV.console_idle
SESSION_SAVE_EVERY_REQUEST = True
SESSION_ENGINE = "katoproject.logins.console_sessions"
PASSWORD_HASHERS = ["katoproject.logins.hashing.OneAtATime"]
# For passwords that are set from now on.
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

# PostgreSQL ----------------------------------------------------------------------------------------------------------


def _database(url: str) -> dict[str, Any]:
    parts: dict[str, Any] = dict(conninfo_to_dict(url))
    return {
        "ENGINE": "foundation.postgresql",
        # A service of pg_service.conf may name it.
        "NAME": parts.pop("dbname", "" if "service" in parts else "kato"),
        "USER": parts.pop("user", ""),
        "PASSWORD": parts.pop("password", ""),
        "HOST": parts.pop("host", ""),
        "PORT": parts.pop("port", ""),
        # Each thread keeps its connection: to open one per request costs five times the CPU. Not forever, so that all
        # follow when the address leads to another server while the old one still runs.
        "CONN_MAX_AGE": 300,
        "OPTIONS": {
            "connect_timeout": 3,
            "application_name": "kato",
            # Not `read-write`: a primary that is read-only for a while, such as one with a full disk, serves reads.
            "target_session_attrs": "primary",
            **OF_LIBPQ,
            **parts,
            "server_side_binding": True,
            "prepare_threshold": 1,
        },
    }


DATABASES = {"default": _database(ENV.database_url or postgres_url())}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Seconds that a client waits at most for a statement, for a server that does not even react to a cancel.
# Above statement_timeout, so that a server that is only slow reports the reason itself.
DATABASE_ANSWER_LIMIT = 6.0
# What every connection has in force (`foundation/postgresql/opening.py`), spelt as `current_setting` returns it.
DATABASE_SESSION = {
    "statement_timeout": "5s",
    "lock_timeout": "4s",
    "idle_in_transaction_session_timeout": "15s",
    # Roles and databases may have another; above this level, concurrent changes of one session would fail.
    "default_transaction_isolation": "read committed",
    # Such a transaction may have to wait before it begins.
    "default_transaction_deferrable": "off",
    # Every statement of the hot paths finds its rows by key, so to plan it again gains nothing.
    "plan_cache_mode": "force_generic_plan",
    # How thoroughly a vector index is searched (docs/benchmarks.md has the measurements).
    "hnsw.ef_search": "400",
    # Roles and databases may have another; psycopg reads dates in this one alone.
    "DateStyle": "ISO, MDY",
}
# What every connection asks for besides. On a Unix socket nothing of this is in force, and no harm is done.
DATABASE_KEEPALIVE = OF_POSTGRESQL

# Redis ---------------------------------------------------------------------------------------------------------------

_redis = ENV.redis_server or RedisServer.parse(redis_url())
REDIS_URL = _redis.cache_url
CACHES = {
    # Django's cache holds pickles, and who can write to Redis must not run code here: so it is in the process.
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 100}},
    "redis": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {
            "SOCKET_CONNECT_TIMEOUT": 0.2,
            "SOCKET_TIMEOUT": 0.2,
            "CONNECTION_POOL_KWARGS": {"max_connections": 64, "retry": None, **({} if _redis.path else OF_REDIS)},
        },
    },
}

# Celery --------------------------------------------------------------------------------------------------------------

# Where `foundation.background` finds the application.
BACKGROUND_APP = "katoproject.celery.app_of_this_database"
CELERY_BROKER_URL = _redis.broker_url
CELERY_BROKER_USE_SSL = _redis.broker_tls
CELERY_TASK_DEFAULT_QUEUE = QUEUE
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# A broker that hangs must not hang the process that sends it a job.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 2.0,
    "socket_connect_timeout": 1.0,
    # Seconds. A worker notices after about twice as long that Redis no longer answers, though nothing was closed.
    "health_check_interval": 5,
    **OF_REDIS,
}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULER = "katoproject.upkeep.scheduler:MonotonicScheduler"
# What the scheduler does, and every how many seconds (`katoproject/upkeep/chores.py`).
CHORES = {
    "expire-sessions": ("sessions_app.operations.delete_expired", 10.0),
    "count-sessions": ("sessions_app.operations.totals.count", 5.0),
    "forget-cleared-memories": ("memory_app.operations.nodes.delete_cleared", 30.0),
    "forget-acts": ("memory_app.operations.acts.forget", 600.0),
    "forget-index-witnesses": ("memory_app.index_files.witnesses.forget", 3600.0),
    "index-vectors": ("memory_app.vector_indexes.maintain", 60.0),
    "forget-events": ("sessions_app.operations.announcements.delete_old", 60.0),
    "forget-idempotency-keys": ("sessions_app.operations.idempotency.delete_old", 600.0),
    "forget-logins": ("katoproject.logins.attempts.delete_old", 600.0),
    "forget-console-sessions": ("katoproject.logins.console_sessions.delete_expired", 3600.0),
    "relay-jobs": ("sessions_app.jobs.delivery.relay", 5.0),
    "purge-jobs": ("sessions_app.jobs.lifecycle.purge", 600.0),
    "compare-cache": ("sessions_app.reads.cache_audit.compare", 60.0),
    "roll-up-samples": ("katoproject.monitoring.rolling.roll_up", 600.0),
    "purge-samples": ("katoproject.monitoring.rolling.forget", 3600.0),
}
# Without "expires", which a worker would compare with a clock of its own.
CELERY_BEAT_SCHEDULE = {
    name: {"task": "katoproject.upkeep.tasks.upkeep", "args": (name,), "schedule": every}
    for name, (_, every) in CHORES.items()
}

# REST framework ------------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_PARSER_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "UNAUTHENTICATED_USER": None,
    # `/openapi.json` repeats this parameter in a header.
    "ALLOWED_VERSIONS": [API_VERSION],
    "EXCEPTION_HANDLER": "foundation.http.errors.exception_handler",
    "DEFAULT_SCHEMA_CLASS": "katoproject.openapi.document.OperationSchema",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "KATO API",
    "VERSION": API_VERSION,
    "OAS_VERSION": "3.1.0",
    "POSTPROCESSING_HOOKS": ["katoproject.openapi.document.complete"],
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    # The page forgets a pasted key when it is left.
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "persistAuthorization": False},
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}
DATA_UPLOAD_MAX_MEMORY_SIZE = ENV.max_request_size

# Logging -------------------------------------------------------------------------------------------------------------

_HANDLERS: dict[str, dict[str, Any]] = {
    "stdout": {"class": "foundation.log_handlers.StreamOutput", "stream": "ext://sys.stdout"},
    "stderr": {"class": "foundation.log_handlers.StreamOutput", "stream": "ext://sys.stderr"},
    "file": {"class": "foundation.log_handlers.FileOutput", "filename": data_dir() / "kato.log", "delay": True},
}
LOGGING_CONFIG = "foundation.logs.configure"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "human": {"()": "foundation.logs.HumanFormatter"},
        "json": {"()": "foundation.logs.JsonFormatter"},
    },
    "handlers": {
        "output": {
            **_HANDLERS[ENV.log_output],
            "formatter": ENV.log_format,
        }
    },
    "root": {"handlers": ["output"], "level": ENV.log_level},
    "loggers": {
        # For 4xx responses Django logs what the client has received anyway.
        "django.request": {"level": "CRITICAL"},
        "django.security": {"level": "CRITICAL"},
        # Three lines per task, every few seconds, although nothing happened.
        "celery.beat": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
    },
}
