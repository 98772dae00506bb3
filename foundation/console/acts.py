"""An act of an operator: an operation, the permission it needs, and the page that asks for confirmation."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import HttpRequest
from unfold.enums import ActionVariant


@dataclass(frozen=True, kw_only=True, slots=True)
class Act:
    """What can be done to one object, or to many.

    `perform(id, **fields of the form)` is an operation: a transaction that raises a Refusal when it cannot be done.
    `warning` says on the confirmation page what will happen; `done` says afterwards, also in the object's history, what
    happened, or `told` does, which gets what `perform` returned and the fields.
    """

    name: str
    label: str
    icon: str
    permission: str
    perform: Callable[..., Any]
    warning: str
    done: str
    told: Callable[..., str] | None = None
    form: type[forms.Form] = forms.Form
    # What the form begins with, by the id of the one object.
    initial: Callable[[str], dict[str, Any]] = lambda object_id: {}
    # A page with what `perform` returned, which nothing else keeps. Only for acts that are not `for_many`.
    result_template: str | None = None
    variant: ActionVariant = ActionVariant.DEFAULT
    # The object does not exist afterwards.
    is_end: bool = False
    # The label names something that the object has: the page asks "Clear STM of session …?".
    acts_on_part: bool = False
    # Also offered for the selected rows of the list.
    for_many: bool = True

    def what_happened(self, result: Any, fields: dict[str, Any]) -> str:
        return self.done if self.told is None else self.told(result, **fields)

    def is_allowed(self, request: HttpRequest) -> bool:
        return request.user.has_perm(self.permission)
