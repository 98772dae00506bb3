"""Who asks: the caller of the running request or job, what it may do, and with which nodes.

Without access control, and for commands, the console and the service's own chores, that is the operator, who may do
everything. How a caller proves who it is, is the business of another package (`access_app`).
"""

from collections.abc import Collection, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum

from foundation.errors import Refusal


class Scope(StrEnum):
    """What a caller may do. ADMIN includes the others."""

    READ = "read"
    WRITE = "write"
    MONITOR = "monitor"
    ADMIN = "admin"


# What a view needs of its caller, by HTTP method: one of these scopes. With none of them everybody may call.
Needs = Mapping[str, Collection[Scope]]
READ, WRITE, MONITOR, ADMIN = ({scope} for scope in (Scope.READ, Scope.WRITE, Scope.MONITOR, Scope.ADMIN))
READ_OR_WRITE: Collection[Scope] = READ | WRITE
ANY_SCOPE: Collection[Scope] = frozenset(Scope)
OPEN: Collection[Scope] = frozenset()


class Denied(Refusal):
    """The caller may not do what it asks for."""


class Unauthorized(Denied):
    """The caller has not shown who it is: 401."""

    status = 401

    def __init__(self, reason: str, *, given: bool) -> None:
        """`given`: whether the request had a key at all."""
        super().__init__(reason)
        self._given = given

    @property
    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": 'Bearer realm="kato"' + (', error="invalid_token"' if self._given else "")}


class MissingScope(Denied):
    """The caller is known, and may not do this: 403."""

    status = 403

    def __init__(self, needed: Collection[Scope]) -> None:
        super().__init__(f"This key may not do this: it needs the scope {' or '.join(sorted(needed))}")


class ForeignNode(Denied):
    """The caller is bound to other nodes than the one that the request names: 403."""

    status = 403

    def __init__(self, node_id: str) -> None:
        super().__init__(f"This key may not use node {node_id!r}")


class NotForAllNodes(Denied):
    """The request concerns all nodes, and the caller is bound to some: 403."""

    status = 403

    def __init__(self) -> None:
        super().__init__("This key may not do this: it concerns all nodes, and the key is bound to some")


@dataclass(frozen=True, slots=True)
class Caller:
    """`key_id`: of its access key; None for the operator. `nodes`: prefixes of node ids; None for all nodes.

    `version`: of the access table, as of which the caller is known to be valid; None where none can make it invalid.
    `user`: the name of an operator who is logged in to the console, or who runs a command (`manage.py: ada`).
    """

    key_id: str | None = None
    scopes: frozenset[Scope] = frozenset(Scope)
    nodes: tuple[str, ...] | None = None
    version: int | None = None
    user: str | None = field(default=None, kw_only=True)

    def confirm(self) -> None:
        """Make sure that the caller is still valid at this moment. Raises Unauthorized."""

    def require(self, needed: Collection[Scope]) -> None:
        """Raises MissingScope, and Unauthorized for a caller that has not shown who it is."""
        if not self.may(needed):
            raise MissingScope(needed)

    def may(self, needed: Collection[Scope]) -> bool:
        return not needed or not self.scopes.isdisjoint(needed) or Scope.ADMIN in self.scopes

    def require_node(self, node_id: str) -> None:
        """Raises ForeignNode."""
        if not self.sees(node_id):
            raise ForeignNode(node_id)

    def require_all_nodes(self) -> None:
        """Raises NotForAllNodes."""
        if self.nodes is not None:
            raise NotForAllNodes

    def sees(self, node_id: str | None) -> bool:
        return self.nodes is None or (node_id is not None and node_id.startswith(self.nodes))

    @property
    def is_admin(self) -> bool:
        return Scope.ADMIN in self.scopes

    def own(self, name: str) -> str:
        """The name, made this caller's own: two callers who choose the same name get two."""
        return name if self.key_id is None else f"{self.key_id}:{name}"


OPERATOR = Caller()
_current: ContextVar[Caller] = ContextVar("caller", default=OPERATOR)


def current() -> Caller:
    return _current.get()


def become(caller: Caller) -> None:
    """The same caller, known to be valid as of a newer version: for the rest of the block of `acting_as`."""
    _current.set(caller)


class acting_as:  # noqa: N801  a context manager; one made of a generator costs each request five times as much
    __slots__ = ("_caller", "_token")

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def __enter__(self) -> None:
        self._token = _current.set(self._caller)

    def __exit__(self, *error: object) -> None:
        _current.reset(self._token)
