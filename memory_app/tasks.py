"""Background work of the long-term memory."""

from celery import shared_task
from django.db import transaction

from memory_app import nodes


@shared_task
def delete_cleared_memories() -> None:
    """Delete, in small batches, the rows of memories that clear-all took from their nodes."""
    more = True
    while more:
        with transaction.atomic():
            more = nodes.delete_cleared()
