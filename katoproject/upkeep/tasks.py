"""The scheduled task. The setting CHORES says which chores there are, and how often each is done."""

from celery import shared_task

from katoproject.upkeep import chores, records

# A worker has other tasks too, so what is left after this time is done the next time.
LONGEST = 5.0  # seconds


@shared_task
def upkeep(name: str) -> None:
    if records.begin(name):
        chores.perform(name, seconds=LONGEST)
