"""Operations, described once for both clients: what to send, and the type of the result."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, Self, TypeVar, overload
from urllib.parse import quote

if TYPE_CHECKING:
    from kato_client._journal import Journal

P = ParamSpec("P")
T = TypeVar("T")
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[T]):
    """What one call of an operation adds to its method and path; T is the type of the result.

    remember: how a session that recovers records the result. text: the response is not JSON. lines: the body, where it
    is lines of JSON. also_fine: error statuses that count as results. deleted: the result, from the names in the path,
    if an earlier attempt has deleted what the call is about.
    """

    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None
    lines: bytes | None = None
    remember: Callable[[Journal, T], None] | None = None
    text: bool = False
    also_fine: tuple[int, ...] = ()
    deleted: Callable[[Mapping[str, str]], T] | None = None


class Sync(ABC):
    """Performs calls and returns their results."""

    @abstractmethod
    def _perform(self, operation: operation[..., T], call: Call[T]) -> T: ...


class Async(ABC):
    """Performs calls and returns awaitables of their results."""

    @abstractmethod
    async def _perform(self, operation: operation[..., T], call: Call[T]) -> T: ...


class operation(Generic[P, T]):  # noqa: N801 - a decorator
    """One route as a method of both kinds of client: it blocks on a `Sync` and is awaited on an `Async`."""

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


class listing(Generic[P, T, Row]):  # noqa: N801 - as `operation`
    """Everything that an operation returns in pages, as a method of both kinds of client.

    It takes the arguments of the operation: `after` is where to begin, `limit` the size of a page. Each page is
    requested when the iteration gets there.
    """

    def __init__(self, page: operation[P, T], rows: Callable[[T], Sequence[Row]], about: str) -> None:
        self._page = page
        self._rows = rows
        self.__doc__ = about

    @overload
    def __get__(self, caller: None, owner: type) -> Self: ...
    @overload
    def __get__(self, caller: Sync, owner: type) -> Callable[P, Iterator[Row]]: ...
    @overload
    def __get__(self, caller: Async, owner: type) -> Callable[P, AsyncIterator[Row]]: ...
    def __get__(self, caller: Sync | Async | None, owner: type) -> Any:
        if caller is None:
            return self

        @functools.wraps(self._page.build)
        def each(*args: P.args, **kwargs: P.kwargs) -> Any:
            if isinstance(caller, Sync):
                return self._each(caller, *args, **kwargs)
            return self._each_async(caller, *args, **kwargs)

        each.__doc__ = self.__doc__
        return each

    def _each(self, caller: Sync, *args: Any, **kwargs: Any) -> Iterator[Row]:
        while True:
            page: Any = caller._perform(self._page, self._page.build(caller, *args, **kwargs))
            yield from self._rows(page)
            if page["next"] is None:
                return
            kwargs = {**kwargs, "after": page["next"]}
            kwargs.pop("skip", None)  # of the first page

    async def _each_async(self, caller: Async, *args: Any, **kwargs: Any) -> AsyncIterator[Row]:
        while True:
            page: Any = await caller._perform(self._page, self._page.build(caller, *args, **kwargs))
            for row in self._rows(page):
                yield row
            if page["next"] is None:
                return
            kwargs = {**kwargs, "after": page["next"]}
            kwargs.pop("skip", None)  # of the first page


def route(method: str, path: str) -> Callable[[Callable[Concatenate[Any, P], Call[T]]], operation[P, T]]:
    """Turn a method that builds a call into an operation."""
    return functools.partial(operation, method, path)


def _segment(value: str) -> str:
    """Quote a value as one segment of a path, so that `PTRN|…`, `a/b` and even `..` arrive unchanged."""
    if not value:
        raise ValueError("An id or name in the path of a request must not be empty")
    return quote(value, safe="").replace(".", "%2E") if set(value) == {"."} else quote(value, safe="")


def given(**values: Any) -> dict[str, Any]:
    """Return the values that are not None: to the API, a missing field is not the same as null."""
    return {name: value for name, value in values.items() if value is not None}
