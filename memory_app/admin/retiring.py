"""Acts of an operator on the patterns of a node; each asks why."""

from collections.abc import Callable
from typing import Any

from django import forms
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from foundation.console.acts import Act
from foundation.errors import Refusal
from foundation.terminal.text import counted
from memory_app import reasons
from memory_app.operations import purging, retiring
from memory_app.operations.purging import Purged
from memory_app.operations.retiring import ActedOn
from memory_app.pattern_ids import name_in

_MOST = 1000


class ActForm(forms.Form):
    patterns = forms.CharField(
        widget=UnfoldAdminTextareaWidget,
        help_text="Their names, with PTRN| or without, one on each line.",
    )
    why = forms.CharField(
        max_length=reasons.MAX_LENGTH, widget=UnfoldAdminTextInputWidget, help_text="Kept with who did it and when."
    )

    def clean_patterns(self) -> list[str]:
        words = str(self.cleaned_data["patterns"]).split()
        if len(words) > _MOST:
            raise forms.ValidationError(f"At most {_MOST} patterns at once, not {len(words)}")
        names = []
        for word in words:
            name = name_in(word)
            if name is None:
                raise forms.ValidationError(f"This is no name, which has 40 lowercase hexadecimal digits: {word[:60]}")
            names.append(name)
        return names


class NotPurged(Refusal):
    """Some of the patterns cannot be purged, so none was."""

    status = 409

    def __init__(self, failed: dict[str, str]) -> None:
        name, reason = next(iter(failed.items()))
        super().__init__(f"Nothing was purged: {name} is {reason}")


def _purge(node_id: str, **fields: Any) -> Purged:
    """Of those that can be purged, as many as a purge takes; nothing where some are not retired, unlike the API."""
    done = purging.purge(node_id=node_id, names=fields["patterns"], limit=_MOST, why=fields["why"])
    if done.failed:
        raise NotPurged(done.failed)
    return done


def _told(done: str, others: str) -> Callable[..., str]:
    """What happened to some patterns, and what the others were already."""

    def tell(result: ActedOn, **fields: Any) -> str:
        told = f"{done} {counted(len(result.names), 'pattern')}"
        return f"{told}, {len(result.others)} {others}" if result.others else told

    return tell


def _told_of_purge(result: Purged, *, patterns: list[str], **fields: Any) -> str:
    """What was purged before, or was too much for one purge, is not among those that were purged."""
    asked = len(set(patterns))
    told = f"Purged {counted(asked, 'pattern')}"
    if len(result.names) < asked:
        told = f"Purged {len(result.names)} of {counted(asked, 'pattern')}"
    if result.remaining:
        told += f"; retired patterns of the node that are not purged yet: {result.remaining}"
    return told


ACTS = (
    Act(
        name="retire",
        label="Retire patterns",
        icon="visibility_off",
        permission="memory_app.change_pattern",
        perform=lambda node_id, **fields: retiring.retire(node_id=node_id, names=fields["patterns"], why=fields["why"]),
        warning="The node will neither predict nor learn these patterns, for all sessions, until they are un-retired.",
        done="Retired patterns",
        told=_told("Retired", "were retired already"),
        form=ActForm,
        acts_on_part=True,
        for_many=False,
    ),
    Act(
        name="un-retire",
        label="Un-retire patterns",
        icon="visibility",
        permission="memory_app.change_pattern",
        perform=lambda node_id, **fields: retiring.un_retire(
            node_id=node_id, names=fields["patterns"], why=fields["why"]
        ),
        warning="The node will predict and learn these patterns again. What was purged does not come back.",
        done="Un-retired patterns",
        told=_told("Un-retired", "were not retired"),
        form=ActForm,
        acts_on_part=True,
        for_many=False,
    ),
    Act(
        name="purge",
        label="Purge patterns",
        icon="delete_sweep",
        permission="memory_app.delete_node",
        perform=_purge,
        warning="All that these retired patterns added to the node is taken back, as if it had never learned them. "
        "This cannot be undone.",
        done="Purged patterns",
        told=_told_of_purge,
        form=ActForm,
        acts_on_part=True,
        variant=ActionVariant.DANGER,
        for_many=False,
    ),
)
