"""Client for KATO on Django, a deterministic memory and prediction service.

from kato_client import Kato

with Kato("http://127.0.0.1:8000") as kato, kato.session("kitchen") as session:
    session.observe(["kettle"])
    session.predictions()
"""

from kato_client import types
from kato_client._client import AsyncKato, Kato
from kato_client._events import AsyncEvents, Events
from kato_client._session import AsyncSession, Recovered, Session
from kato_client.errors import (
    ApiError,
    ConnectionFailed,
    EmptyStm,
    Forbidden,
    ForeignServer,
    InvalidConfiguration,
    InvalidRequest,
    KatoError,
    PatternNotFound,
    RetiredPattern,
    RouteNotFound,
    ServerFailure,
    SessionNotFound,
    TooLarge,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    Unfit,
    UnfitFile,
    WrongDimension,
)

__all__ = [
    "ApiError",
    "AsyncEvents",
    "AsyncKato",
    "AsyncSession",
    "ConnectionFailed",
    "EmptyStm",
    "Events",
    "Forbidden",
    "ForeignServer",
    "InvalidConfiguration",
    "InvalidRequest",
    "Kato",
    "KatoError",
    "PatternNotFound",
    "Recovered",
    "RetiredPattern",
    "RouteNotFound",
    "ServerFailure",
    "Session",
    "SessionNotFound",
    "TooLarge",
    "TooManyRequests",
    "Unauthorized",
    "Unavailable",
    "Unfit",
    "UnfitFile",
    "WrongDimension",
    "types",
]
