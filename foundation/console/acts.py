"""What operators do to things: an operation, the permission it needs, and the page that asks before."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import HttpRequest
from unfold.enums import ActionVariant


@dataclass(frozen=True, kw_only=True, slots=True)
class Act:
    """One thing that can be done to one object, or to many.

    `perform(id, **fields of the form)` is an operation: a transaction that raises a Refusal where it cannot.
    `warning` says on the page that asks what will happen, `done` in the history of the object what has happened.
    """

    name: str
    label: str
    icon: str
    permission: str
    perform: Callable[..., Any]
    warning: str
    done: str
    form: type[forms.Form] = forms.Form
    variant: ActionVariant = ActionVariant.DEFAULT
    # After it there is nothing left to look at.
    is_end: bool = False
    # Offered for the ticked rows of the list, too.
    for_many: bool = True

    def is_allowed(self, request: HttpRequest) -> bool:
        return request.user.has_perm(self.permission)
