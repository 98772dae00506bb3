"""Which version of KATO answers a request: the header `X-KATO-Contract`, what a session is pinned to, or the default.

A contract decides how an answer looks, and which settings a session may store. What a node knows never depends on it.
"""

from contextvars import ContextVar
from enum import StrEnum
from typing import ClassVar

from django.conf import settings

from foundation.errors import KatoError, Refusal

HEADER = "X-KATO-Contract"
_LONGEST_QUOTED = 50


class ContractName(StrEnum):
    """The versions of KATO whose clients this service serves, the oldest first."""

    KATO_3_10 = "3.10"
    KATO_6_3 = "6.3"


_BY_NAME = {str(name): name for name in ContractName}


class UnknownContract(Refusal):
    """Nothing was done: the client and the service do not agree on what a request means."""

    status: ClassVar[int] = 400

    def __init__(self, given: str, *, source: str = HEADER) -> None:
        valid = " and ".join(ContractName)
        super().__init__(f"{source} names an unknown contract, {given[:_LONGEST_QUOTED]!r}: valid ones are {valid}")


class OtherContract(Refusal):
    """The request would change what a session stores, by the rules of another contract than the session's."""

    status: ClassVar[int] = 409
    known_as = KatoError(409, "CONTRACT_CONFLICT", "ContractConflictError", recoverable=False)

    def __init__(self, *, asked: ContractName, pinned: ContractName) -> None:
        super().__init__(
            f"The session follows contract {pinned} since it was created, and {HEADER} asks for {asked}; nothing was "
            f"changed. Leave the header out, or create a session with it"
        )


class _Choice:
    """asked: by the header of the running request; pinned: by the row of its session, once that was read."""

    __slots__ = ("asked", "pinned")

    def __init__(self) -> None:
        self.asked: ContractName | None = None
        self.pinned: str | None = None


_choice: ContextVar[_Choice | None] = ContextVar("contract", default=None)


class one_request:  # noqa: N801  a context manager; one made of a generator costs each request five times as much
    """Within the block, `ask` and `pin` say what the request is answered by."""

    __slots__ = ("_token",)

    def __enter__(self) -> None:
        self._token = _choice.set(_Choice())

    def __exit__(self, *error: object) -> None:
        _choice.reset(self._token)


def default() -> ContractName:
    contract: ContractName = settings.ENV.contract
    return contract


def named(name: str, *, source: str = HEADER) -> ContractName:
    """Raises UnknownContract."""
    contract = _BY_NAME.get(name)
    if contract is None:
        raise UnknownContract(name, source=source)
    return contract


def ask(header: str | None) -> None:
    """Answer the running request as its header asks. Raises UnknownContract."""
    choice = _choice.get()
    if choice is not None and header is not None:
        choice.asked = named(header)


def pin(stored: str | None) -> None:
    """The running request is about a session that stores this contract; None where it stores none."""
    choice = _choice.get()
    if choice is not None:
        choice.pinned = stored


def asked() -> ContractName | None:
    choice = _choice.get()
    return None if choice is None else choice.asked


def in_force() -> ContractName:
    """How the running request is answered. Outside a request, and without header and session: the default."""
    choice = _choice.get()
    if choice is None:
        return default()
    return choice.asked or of_row(choice.pinned)


def of_row(stored: str | None) -> ContractName:
    """The contract of a session that stores this. One that stores none follows the default: it is older than contracts.

    So does one that stores the name of a later release, which has been here before this one.
    """
    return default() if stored is None else _BY_NAME.get(stored) or default()


def require(pinned: ContractName) -> None:
    """The running request changes what a session of this contract stores. Raises OtherContract."""
    given = asked()
    if given is not None and given is not pinned:
        raise OtherContract(asked=given, pinned=pinned)
