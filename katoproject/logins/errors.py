"""Reasons not to try a password."""

import math
from datetime import timedelta
from typing import ClassVar

from foundation.errors import Refusal


class NotTried(Refusal):
    """The password was not even compared, so the response says nothing about it."""

    title: ClassVar[str]

    def __init__(self, reason: str, *, retry_after: int) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class TooManyFailures(NotTried):
    status = 429
    title = "Too many wrong passwords"

    def __init__(self, wait: timedelta) -> None:
        seconds = max(1, math.ceil(wait.total_seconds()))
        minutes = math.ceil(seconds / 60)
        super().__init__(
            f"Try again in {minutes} minute{'' if minutes == 1 else 's'}, or ask an administrator to unlock you.",
            retry_after=seconds,
        )


class HashingBusy(NotTried):
    status = 503
    title = "Too many logins at once"

    def __init__(self) -> None:
        super().__init__("Others are logging in at this moment. Try again in a few seconds.", retry_after=2)
