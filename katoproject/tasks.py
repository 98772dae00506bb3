"""The scheduled task: which chores there are, and how often they are done, is said in settings."""

from celery import shared_task

from katoproject import upkeep as chores

# A worker has other things to do as well: what is left then is done the next time.
LONGEST = 5.0  # seconds


@shared_task
def upkeep(name: str) -> None:
    chores.perform(name, seconds=LONGEST)
