"""Learning the STM of a session as a pattern of its node."""

from dataclasses import dataclass

from django.db import transaction

from sessions_app.errors import EmptyStm
from sessions_app.operations.locked_session import LockedSession


@dataclass(frozen=True, slots=True)
class Learned:
    """`pattern_name`: `PTRN|` + name, or "" where the STM had fewer than two symbols; `events`: how many there were."""

    pattern_name: str
    events: int


@transaction.atomic
def learn(*, session_id: str) -> Learned:
    """Learn the STM and empty it: pattern, emotives, metadata, affinities and STM change together or not at all.

    Raises SessionNotFound; EmptyStm, and then nothing is changed.
    """
    session = LockedSession(session_id)
    events = len(session.stm)
    if not events:
        raise EmptyStm
    name = session.learn()
    session.save()
    return Learned(name, events)
