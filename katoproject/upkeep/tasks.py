"""The scheduled task. The setting CHORES says which chores there are, and how often each is done."""

import logging

from celery import shared_task
from redis.exceptions import RedisError

from katoproject.upkeep import chores

log = logging.getLogger(__name__)

# A worker has other tasks too, so what is left after this time is done the next time.
LONGEST = 5.0  # seconds


@shared_task
def upkeep(name: str) -> None:
    try:
        chores.record_heartbeat()
    except RedisError as error:
        log.warning("Could not record the scheduler heartbeat: %s", error)
    chores.perform(name, seconds=LONGEST)
