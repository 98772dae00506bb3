"""Working in several threads at once. Compiled kernels let other threads run meanwhile."""

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

Part = TypeVar("Part")


def together(work: Callable[[Part], None], parts: Sequence[Part]) -> None:
    """Call `work` with each part, in a thread for each; the first one in this thread. Raises what one of them raised.

    Threads of their own, not of a pool: starting one takes 50 µs, and a pool would have to survive forks.
    """
    errors: list[BaseException] = []

    def guarded(part: Part) -> None:
        try:
            work(part)
        except BaseException as error:  # noqa: BLE001  the thread that waits raises it
            errors.append(error)

    others = [threading.Thread(target=guarded, args=(part,), name="prediction", daemon=True) for part in parts[1:]]
    for other in others:
        other.start()
    guarded(parts[0])
    for other in others:
        other.join()
    if errors:
        raise errors[0]
