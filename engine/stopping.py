"""Ending a prediction before its end.

The engine has no clock and knows no clients. Its caller decides when a prediction is no longer needed, and says so
with a `Stop`.
"""

import numpy as np

from engine.arrays import Flags


class Stop:
    """Ends the predictions that it was passed to, from any thread.

    A compiled kernel cannot raise the caller's exception, and one comparison of two long lists may take minutes. So the
    kernels look at `flag` at short intervals, and return early when it is set: what they return then means nothing.
    Their caller raises the reason with `check` before it uses the result.
    """

    def __init__(self) -> None:
        self.flag: Flags = np.zeros(1, dtype=np.bool_)
        self._reason: Exception | None = None

    def end(self, reason: Exception) -> None:
        """Let the predictions raise `reason` soon."""
        self._reason = reason  # first: a thread that sees the flag finds the reason
        self.flag[0] = True

    def check(self) -> None:
        """Raises the reason, if there is one."""
        if self._reason is not None:
            raise self._reason


NEVER = Stop()
"""For predictions that take as long as they need. Never end it."""
