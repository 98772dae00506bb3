"""The scheduled task: which chores there are, and how often they are done, is said in settings."""

import logging

from celery import shared_task
from redis.exceptions import RedisError

from katoproject.upkeep import chores

log = logging.getLogger(__name__)

# A worker has other things to do as well: what is left then is done the next time.
LONGEST = 5.0  # seconds


@shared_task
def upkeep(name: str) -> None:
    try:
        chores.note_scheduled()
    except RedisError as error:
        log.warning("Redis does not note that the scheduler is alive: %s", error)
    chores.perform(name, seconds=LONGEST)
