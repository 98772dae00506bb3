"""Operations, described once for both clients: what is sent, and what comes back."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, Self, TypeVar, overload
from urllib.parse import quote

if TYPE_CHECKING:
    from kato_client._journal import Journal

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[T]):
    """What one call of an operation adds to its method and path; T is what the answer is read as.

    remember: what a recovering session notes down of the answer. text: the answer is no JSON.
    also_fine: error statuses that are answers all the same.
    """

    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None
    remember: Callable[[Journal, T], None] | None = None
    text: bool = False
    also_fine: tuple[int, ...] = ()


class Sync(ABC):
    """Whoever performs calls and answers when they are done."""

    @abstractmethod
    def _perform(self, operation: operation[..., T], call: Call[T]) -> T: ...


class Async(ABC):
    """Whoever performs calls and answers with something to wait for."""

    @abstractmethod
    async def _perform(self, operation: operation[..., T], call: Call[T]) -> T: ...


class operation(Generic[P, T]):  # noqa: N801 - a decorator
    """One route as a method of both kinds of client: it waits on a `Sync`, and is awaited on an `Async`."""

    def __init__(self, method: str, path: str, build: Callable[Concatenate[Any, P], Call[T]]) -> None:
        self.method = method
        self.path = path
        self.build = build
        self.__doc__ = build.__doc__

    @overload
    def __get__(self, caller: None, owner: type) -> Self: ...
    @overload
    def __get__(self, caller: Sync, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, caller: Async, owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, caller: Sync | Async | None, owner: type) -> Any:
        if caller is None:
            return self

        @functools.wraps(self.build)
        def call(*args: P.args, **kwargs: P.kwargs) -> Any:
            return caller._perform(self, self.build(caller, *args, **kwargs))

        return call

    def url(self, names: Mapping[str, str]) -> str:
        return self.path.format_map({name: _segment(value) for name, value in names.items()})


def route(method: str, path: str) -> Callable[[Callable[Concatenate[Any, P], Call[T]]], operation[P, T]]:
    """Make an operation of a method that builds its call."""
    return functools.partial(operation, method, path)


def _segment(value: str) -> str:
    """A value as one segment of a path: `PTRN|…`, `a/b` and even `..` stay what they are."""
    if not value:
        raise ValueError("An empty name cannot be a part of a URL")
    return quote(value, safe="").replace(".", "%2E") if set(value) == {"."} else quote(value, safe="")


def given(**values: Any) -> dict[str, Any]:
    """Those that are not None: the API distinguishes what is left out from null."""
    return {name: value for name, value in values.items() if value is not None}
