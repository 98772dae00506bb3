"""The valid keys, as this process holds them in memory, and what makes a request's header a caller.

The keys are those of one version of the table. A process learns of a newer one when a statement that admits a request
finds that the version has moved (`admission.py`), when it meets a key that it does not know, or with the next look at
the events. It then reads all keys again, in one statement.
"""

import logging
import time
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from django.db import close_old_connections

from access_app import operations, rates, valid_keys
from access_app.limits import UNLIMITED, Limits
from access_app.stores import ACCESS
from access_app.tokens import TOKEN_LENGTH, digest_of, key_id_of
from access_app.valid_keys import ValidKey
from foundation import callers
from foundation.asking import Asker, NoAnswer, SharedLook
from foundation.callers import Caller, Denied, Scope, Unauthorized
from foundation.errors import StoreUnavailable
from foundation.postgresql.trouble import STORE_TROUBLE

log = logging.getLogger(__name__)

PRESENT_VERSION = "SELECT version FROM access_app_accessversion"

USE_INTERVAL = 60.0  # seconds between two notes of a key's last use, of one process
# Seconds that a request waits for the keys, and that one waits which can respond without the database.
PATIENCE, PROMPT_PATIENCE = 5.0, 0.3

_HEADER_LENGTH = len("Bearer ") + TOKEN_LENGTH

NO_KEY = "This service needs an access key: send it as `Authorization: Bearer kato_…`"
MALFORMED = "The Authorization header does not hold an access key of the form `Bearer kato_…`"
INVALID = "This access key is not valid here: unknown, expired or revoked"


class Undecided(StoreUnavailable, Denied):
    """The database does not say whether the key is valid."""


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """`clock_ahead`: seconds by which PostgreSQL's clock is ahead of the monotonic clock of this process. The time of
    day of this host may be set at any moment; keys must neither end nor live on by that.

    `met`: by Authorization header, the holders that requests have shown, and when their tokens end to be valid. To
    look there costs a tenth of judging the token again.
    """

    version: int
    keys: dict[str, ValidKey]
    clock_ahead: float
    met: dict[str, tuple["KeyHolder", float]] = field(default_factory=dict)

    def now(self) -> float:
        return time.monotonic() + self.clock_ahead


@dataclass(frozen=True, slots=True)
class KeyHolder(Caller):
    """A caller that has shown a token. `digest`: None in a job, which acts for the key whatever its token is now."""

    key_id: str = ""
    name: str = ""
    digest: bytes | None = None
    limits: Limits = UNLIMITED

    def confirm(self) -> None:
        if ACCESS.execute_one(PRESENT_VERSION, {}) != (self.version,):
            keyring.confirm_again(self)


@dataclass(frozen=True, slots=True)
class Stranger(Caller):
    """A caller without a valid key. May use what is open to everybody; `refusal`: the response to everything else."""

    scopes: frozenset[Scope] = frozenset()
    nodes: tuple[str, ...] | None = ()
    refusal: Denied = field(default_factory=lambda: Unauthorized(NO_KEY, given=False))

    def require(self, needed: Collection[Scope]) -> None:
        if needed:
            raise self.refusal


class Keyring:
    def __init__(self) -> None:
        self._snapshot: _Snapshot | None = None
        self._reads = SharedLook(self._read_if_changed)
        self._asker = Asker()
        self._used: dict[str, float] = {}
        self._notes = ThreadPoolExecutor(1, thread_name_prefix="key-use")

    def caller_of(self, header: str | None, address: str, *, prompt: bool = False) -> Caller:
        """The caller of a request with this Authorization header, from this address. As `holder_of`."""
        if header is None:
            return Stranger()
        met = None if prompt else self._met(header)
        if met is not None:
            self._note_use(met.key_id)
            return met
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer":
            return Stranger(refusal=Unauthorized(MALFORMED, given=True))
        caller = self.holder_of(token.strip(), address, prompt=prompt)
        if isinstance(caller, KeyHolder):
            self._meet(header, caller)
        return caller

    def remembered_id(self, header: str) -> str | None:
        """The id of the key whose valid token this Authorization header shows; None where the memory does not say.

        It waits for nothing, so it may be asked before the request has a thread.
        """
        met, snapshot = self._met(header), self._snapshot
        if met is not None:
            return met.key_id
        token = header.partition(" ")[2].strip()
        key_id = key_id_of(token)
        if snapshot is None or key_id is None or key_id not in snapshot.keys:
            return None
        return key_id if self._holder(key_id, digest_of(token)) is not None else None

    def _met(self, header: str) -> "KeyHolder | None":
        snapshot = self._snapshot
        met = snapshot.met.get(header) if snapshot else None
        if snapshot is None or met is None:
            return None
        holder, until = met
        return holder if snapshot.now() < until else None

    def _meet(self, header: str, holder: "KeyHolder") -> None:
        snapshot = self._snapshot
        # One header for each token: a header may hold any number of spaces.
        if snapshot is not None and holder.version == snapshot.version and len(header) == _HEADER_LENGTH:
            snapshot.met[header] = holder, snapshot.keys[holder.key_id].valid_until(holder.digest)

    def holder_of(self, token: str, address: str, *, prompt: bool = False) -> Caller:
        """The holder of the token, or a stranger.

        `prompt`: for a route that must respond without the database: judged by the keys in memory where the database
        does not respond at once.
        """
        key_id = key_id_of(token)
        if key_id is None:
            return Stranger(refusal=Unauthorized(MALFORMED, given=True))
        digest = digest_of(token)
        holder = self._holder(key_id, digest)
        if holder is None or prompt:
            # Without a holder: the key may have been created or rotated a moment ago, by another process. So a token
            # is looked up however many wrong ones its address has sent: a new key works at once behind any proxy.
            is_up_to_date = self._refresh_within(PROMPT_PATIENCE if prompt else PATIENCE)
            holder = self._holder(key_id, digest)
            if holder is None and not is_up_to_date:
                return Stranger(refusal=Undecided())
        if holder is None:
            return Stranger(refusal=rates.charge_wrong_token(address) or Unauthorized(INVALID, given=True))
        self._note_use(key_id)
        return holder

    def agent_of(self, key_id: str) -> KeyHolder:
        """The caller that a job acts for: the one that created it. Raises Unauthorized."""
        self.refresh()
        holder = self._holder(key_id, None)
        if holder is None:
            raise Unauthorized(f"The access key {key_id}, which this acts for, is expired or revoked", given=True)
        return holder

    def is_valid(self, holder: KeyHolder) -> bool:
        """Whether the holder's key is valid as of the newest version that this process knows."""
        return self._holder(holder.key_id, holder.digest) is not None

    def confirm_again(self, holder: KeyHolder) -> KeyHolder:
        """The holder as of the present version, now the current caller. Raises Unauthorized."""
        self.refresh()
        confirmed = self._holder(holder.key_id, holder.digest)
        if confirmed is None:
            raise Unauthorized(INVALID, given=True)
        callers.become(confirmed)
        return confirmed

    def follow(self, version: int) -> None:
        """Read the keys if this version is not the one in memory."""
        if self._snapshot is None or self._snapshot.version != version:
            self.refresh()

    def _refresh_within(self, seconds: float) -> bool:
        """Whether the keys are now those of a moment after the call."""
        try:
            self._asker.ask(partial(self.refresh, called=time.monotonic()), patience=seconds)
        except (NoAnswer, *STORE_TROUBLE) as error:
            log.warning("Could not read the access keys: %s", str(error) or type(error).__name__)
            return False
        return True

    def refresh(self, *, called: float | None = None) -> None:
        """Read the keys if they have changed since `called`, which is now if nothing is given.

        Calls share reads, so that unknown tokens cost little, however many come.
        """
        self._reads.since(called or time.monotonic())

    def _read_if_changed(self) -> None:
        [(version,)] = ACCESS.execute(PRESENT_VERSION, {})
        if self._snapshot is None or self._snapshot.version != version:
            self._snapshot = _Snapshot(*valid_keys.read())

    def _holder(self, key_id: str, digest: bytes | None) -> KeyHolder | None:
        snapshot = self._snapshot
        key = snapshot.keys.get(key_id) if snapshot else None
        if snapshot is None or key is None:
            return None
        if snapshot.now() >= key.valid_until(digest):
            return None
        return KeyHolder(key.id, key.scopes, key.nodes, snapshot.version, key.name, digest, key.limits)

    def _note_use(self, key_id: str) -> None:
        now = time.monotonic()
        if now - self._used.get(key_id, -USE_INTERVAL) >= USE_INTERVAL:
            self._used[key_id] = now
            self._notes.submit(_write_use, key_id)


def _write_use(key_id: str) -> None:
    """In a thread of its own: no request waits for it, and none fails by it."""
    close_old_connections()
    try:
        operations.note_use(key_id=key_id)
    except STORE_TROUBLE as error:
        log.warning("Could not note the use of key %s: %s", key_id, error)


keyring = Keyring()
