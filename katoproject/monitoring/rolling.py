"""Rolling samples up: after a day, one per hour and instance is kept; after a year, none.

Counters are totals, so the last sample of an hour includes all that was counted in it. Measurements (active sessions,
lags) are not: the highest of the hour is written into the sample that is kept.
"""

from katoproject.monitoring.stores import MONITORING

KEPT_DAYS = 365
HOUR, DAY = 3600.0, 86_400.0  # seconds

# One hour at a time, the oldest first. If an instance was restarted within it, the last sample of each run is kept.
_ROLL_UP = """
    WITH whole AS (
        SELECT date_trunc('hour', min(at)) AS begun FROM monitoring_sample
        WHERE NOT hourly AND at < date_trunc('hour', now() - interval '1 day')
    ), sample AS (
        SELECT at, instance, started_at, snapshot->'shared' AS shared
        FROM monitoring_sample, whole WHERE NOT hourly AND at >= begun AND at < begun + interval '1 hour'
    ), highest AS (
        SELECT max(at) AS at, instance, jsonb_strip_nulls(jsonb_build_object(
            'sessions_active', max((shared->>'sessions_active')::bigint),
            'sessions_expired', max((shared->>'sessions_expired')::bigint),
            'cleanup_lag_seconds', max((shared->>'cleanup_lag_seconds')::float8),
            'jobs_waiting', max((shared->>'jobs_waiting')::bigint),
            'jobs_running', max((shared->>'jobs_running')::bigint),
            'job_lag_seconds', max((shared->>'job_lag_seconds')::float8),
            'queue_length', max((shared->>'queue_length')::bigint))) AS shared
        FROM sample GROUP BY instance, started_at
    ), kept AS (
        UPDATE monitoring_sample AS one
        SET hourly = true, snapshot = jsonb_set(snapshot, '{shared}', snapshot->'shared' || highest.shared)
        FROM highest WHERE one.at = highest.at AND one.instance = highest.instance
    )
    DELETE FROM monitoring_sample AS one USING sample
    WHERE one.at = sample.at AND one.instance = sample.instance
      AND NOT EXISTS (SELECT FROM highest WHERE highest.at = sample.at AND highest.instance = sample.instance)
    RETURNING 1
"""
_FORGET = """
    DELETE FROM monitoring_sample WHERE at < now() - make_interval(days => %(days)s) RETURNING 1
"""


def roll_up() -> int:
    """Roll up the oldest hour that ended more than a day ago. Returns the number of deleted samples."""
    return len(MONITORING.execute(_ROLL_UP, {}))


def forget() -> int:
    """Delete samples that are older than a year. Returns their number."""
    return len(MONITORING.execute(_FORGET, {"days": KEPT_DAYS}))
