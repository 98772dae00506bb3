"""What a new key may do, and how long a former token stays valid."""

import re
from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from access_app.errors import Unfit
from access_app.limits import LARGEST, LARGEST_RATE, NAMES, Limits
from access_app.naming import MAX_NAME_LENGTH, fit_name, fit_prefix
from access_app.operations import DEFAULT_SCOPES, LONGEST_LIFETIME
from foundation.callers import Scope

_MEANINGS = {
    Scope.READ: "read: sessions, predictions, nodes, events",
    Scope.WRITE: "write: create and delete sessions, observe, learn, configure",
    Scope.MONITOR: "monitor: metrics, statistics, status",
    Scope.ADMIN: "admin: all of that, clear-all, purging and deleting patterns, jobs of other keys, the cache",
}


def _fit(check: Callable[[str], str], text: str) -> str:
    """Raises ValidationError."""
    try:
        return check(text)
    except Unfit as reason:
        sentence = str(reason)
        raise forms.ValidationError(f"{sentence[0].upper()}{sentence[1:]}.") from None


def _number(label: str) -> forms.IntegerField:
    widget = UnfoldAdminIntegerFieldWidget
    return forms.IntegerField(label=label, required=False, min_value=1, max_value=LARGEST, widget=widget)


class CreateForm(forms.Form):
    name = forms.CharField(
        max_length=MAX_NAME_LENGTH,
        widget=UnfoldAdminTextInputWidget,
        help_text="For you: the token does not contain it.",
    )
    scopes = forms.MultipleChoiceField(
        choices=[(scope.value, meaning) for scope, meaning in _MEANINGS.items()],
        initial=DEFAULT_SCOPES,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    nodes = forms.CharField(
        label="Only nodes whose ids begin with",
        required=False,
        strip=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="One beginning per line; spaces count. Empty: all nodes.",
    )
    days = forms.IntegerField(
        label="Valid for days",
        required=False,
        min_value=1,
        max_value=LONGEST_LIFETIME.days,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="Empty: until it is revoked.",
    )
    rate = forms.FloatField(
        label="Requests per second",
        required=False,
        min_value=0.001,
        max_value=LARGEST_RATE,
        widget=UnfoldAdminDecimalFieldWidget,
        help_text="Empty, here and below: not limited.",
    )
    bytes_per_minute = _number("Bytes per minute")
    sessions = _number("Living sessions")
    jobs = _number("Unfinished jobs")

    def clean_name(self) -> str:
        return _fit(fit_name, self.cleaned_data["name"])

    def clean_nodes(self) -> Collection[str] | None:
        lines = re.split("\r\n|\r|\n", self.cleaned_data["nodes"])
        return {_fit(fit_prefix, line) for line in lines if line} or None

    def of_operation(self) -> dict[str, Any]:
        """The arguments of `operations.create`."""
        given = self.cleaned_data
        return {
            "name": given["name"],
            "scopes": {Scope(one) for one in given["scopes"]},
            "nodes": given["nodes"],
            "lifetime": timedelta(days=given["days"]) if given["days"] else None,
            "limits": Limits(**{one: given[one] for one in NAMES}),
        }


class RotateForm(forms.Form):
    hours = forms.TypedChoiceField(
        label="The former token stays valid",
        choices=[(0, "not at all"), (1, "for an hour"), (24, "for a day"), (168, "for a week")],
        initial=24,
        coerce=int,
        widget=UnfoldAdminSelectWidget,
    )
    # The rotation before, as of the page that asked: a page that is sent twice must not rotate twice.
    seen = forms.CharField(required=False, widget=forms.HiddenInput)
