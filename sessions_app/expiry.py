"""When a session expires, as SQL. There is one deadline, in PostgreSQL, and the database's clock decides.

Every access renews the session's life to `ttl_seconds` from now. If each access wrote the deadline, each read would be
a write. So a touch sets the deadline a *slack* further than promised, and until the slack is used up the next touches
have nothing to write. A session therefore lives at least as long as promised, and at most 5 % longer (never more than a
minute).

A request is admitted by `now()`, the start of its transaction: if it then waits for a row lock, it was still in time
(R09). The deadline that it sets counts from `clock_timestamp()`, the moment when it got the lock.
"""

from typing import NamedTuple

from django.conf import settings

ALIVE = "expires_at > now()"

_TTL = "make_interval(secs => ttl_seconds)"
_TTL_AND_SLACK = "make_interval(secs => ttl_seconds + LEAST(ttl_seconds * 0.05, 60.0))"


class Deadlines(NamedTuple):
    """SQL expressions over a session's row: of a deadline, or (`touch_due`) whether a touch has to write one.

    `held`: while a long batch runs. `promised`: the deadline as clients see it, without the slack.
    """

    first: str
    touch_due: str
    touched: str
    held: str
    promised: str


_RENEWED_BY_ACCESS = Deadlines(
    first=f"now() + {_TTL_AND_SLACK}",
    touch_due=f"expires_at < now() + {_TTL}",
    # A touch never shortens an explicit extension (R07).
    touched=(
        f"CASE WHEN expires_at < clock_timestamp() + {_TTL} THEN clock_timestamp() + {_TTL_AND_SLACK} "
        "ELSE expires_at END"
    ),
    # While a long batch runs, other requests must find the session alive (R12). Nothing undoes this after the batch:
    # two minutes more do no harm, and another batch may still depend on them.
    held=f"GREATEST(expires_at, now() + {_TTL} + interval '2 minutes')",
    promised=f"GREATEST(extended_until, now() + {_TTL})",
)
_FIXED = Deadlines(
    first=f"now() + {_TTL}", touch_due="false", touched="expires_at", held="expires_at", promised="expires_at"
)

_DEADLINES = _RENEWED_BY_ACCESS if settings.ENV.session_auto_extend else _FIXED
FIRST_DEADLINE = _DEADLINES.first
TOUCH_DUE = _DEADLINES.touch_due
TOUCHED_DEADLINE = _DEADLINES.touched
HELD_DEADLINE = _DEADLINES.held
PROMISED_DEADLINE = _DEADLINES.promised

# A lower bound of the seconds since the last access, which left the deadline at least `ttl_seconds` away. Negative
# while the slack lasts, or an extension.
UNUSED_FOR = "extract(epoch FROM now() - expires_at)::float8 + ttl_seconds"
AGE = "extract(epoch FROM now() - created_at)::float8"
LEFT = "extract(epoch FROM expires_at - now())::float8"
