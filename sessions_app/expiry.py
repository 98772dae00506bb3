"""When a session lives, as SQL. One deadline, in PostgreSQL, judged by the database's clock at admission.

Every access sets the life back to `ttl_seconds` from now. Writing that on every read would make each read a write, so a
touch sets the deadline a *slack* further than it must, and the next touches have nothing to do until the slack is used
up. A session therefore lives at least as long as promised, and at most 5 % (never more than a minute) longer.

A session is admitted by `now()`, the start of the transaction: who then waits for a row lock was in time (R09). What
a request sets counts from `clock_timestamp()`, the moment it got through.
"""

from django.conf import settings

ALIVE = "expires_at > now()"

_TTL = "make_interval(secs => ttl_seconds)"
_TTL_AND_SLACK = "make_interval(secs => ttl_seconds + LEAST(ttl_seconds * 0.05, 60.0))"

if settings.ENV.session_auto_extend:
    FIRST_DEADLINE = f"now() + {_TTL_AND_SLACK}"
    TOUCH_DUE = f"expires_at < now() + {_TTL}"
    # max(current, …): a touch never shortens an explicit extension (R07).
    TOUCHED_DEADLINE = (
        f"CASE WHEN expires_at < clock_timestamp() + {_TTL} THEN clock_timestamp() + {_TTL_AND_SLACK} "
        "ELSE expires_at END"
    )
    # While a long batch runs, other requests must find the session alive (R12). Nothing takes this back: living two
    # minutes too long does no harm, and another batch may still count on it.
    HELD_DEADLINE = f"GREATEST(expires_at, now() + {_TTL} + interval '2 minutes')"
    # What the client is told: exactly what it was promised, without the slack.
    PROMISED_DEADLINE = f"GREATEST(extended_until, now() + {_TTL})"
else:
    FIRST_DEADLINE = f"now() + {_TTL}"
    TOUCH_DUE = "false"
    TOUCHED_DEADLINE = HELD_DEADLINE = PROMISED_DEADLINE = "expires_at"

# Seconds for which certainly nobody has used the session: a use leaves the deadline at least `ttl_seconds` away. Below
# zero while a touch would not be due, or an extension runs.
UNUSED_FOR = "extract(epoch FROM now() - expires_at)::float8 + ttl_seconds"
AGE = "extract(epoch FROM now() - created_at)::float8"
LEFT = "extract(epoch FROM expires_at - now())::float8"
