"""Pages with acts: each asks for confirmation, performs an operation, and records it in the history."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.admin.models import CHANGE, DELETION, LogEntry
from django.contrib.admin.utils import quote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Model, QuerySet
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from unfold.admin import ModelAdmin

from foundation import callers
from foundation.console.acts import Act
from foundation.errors import Refusal

# More refusals than this would hide the messages that matter.
_REFUSALS_SHOWN = 5


class ActingAdmin(ModelAdmin):
    """`acts`: what can be done here."""

    acts: tuple[Act, ...] = ()

    def get_urls(self) -> list[URLPattern]:
        act = path("act/<slug:name>/", self.admin_site.admin_view(self.act_view), name=self._url_name("act"))
        return [act, *super().get_urls()]

    def _url_name(self, view: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{view}"

    def url_of(self, view: str, *arguments: str) -> str:
        return reverse(f"admin:{self._url_name(view)}", args=[quote(argument) for argument in arguments])

    def may_act_on(self, request: HttpRequest, object_id: str) -> bool:
        """Whether this operator may act on this object; on its kind may those who have the act's permission."""
        return True

    def act_links(self, request: HttpRequest, thing: Model) -> list[dict[str, Any]]:
        return [
            {
                "title": act.label,
                "icon": act.icon,
                "variant": act.variant,
                "path": f"{self.url_of('act', act.name)}?{urlencode({'id': thing.pk})}",
            }
            for act in self.acts
            if act.is_allowed(request)
        ]

    def get_actions(self, request: HttpRequest) -> dict[str, tuple[Callable[..., Any], str, str]]:
        """The actions of the list: each act, on all selected objects, and those that `actions` names."""
        others: dict[str, tuple[Callable[..., Any], str, str]] = super().get_actions(request)
        acts = {
            act.name: (partial(_ask_for_selected, act), act.name, act.label)
            for act in self.acts
            if act.for_many and act.is_allowed(request)
        }
        return {**acts, **others}

    def response_action(self, request: HttpRequest, queryset: QuerySet[Model]) -> HttpResponse | None:
        # No page offers "select all": an act changes only rows that the operator has seen.
        if request.POST.get("select_across", "0") != "0":
            raise PermissionDenied
        response: HttpResponse | None = super().response_action(request, queryset)
        return response

    def act_view(self, request: HttpRequest, name: str) -> HttpResponse:
        """Ask for confirmation (GET), then perform (POST). The parameter `id` repeats for each object."""
        act = next((act for act in self.acts if act.name == name), None)
        if act is None:
            raise Http404
        if not act.is_allowed(request):
            raise PermissionDenied
        given = request.POST if request.method == "POST" else request.GET
        ids = given.getlist("id")
        if not ids or (len(ids) > 1 and not act.for_many):
            raise Http404
        if any("\0" in one or not self.may_act_on(request, one) for one in ids):
            raise Http404
        if request.method == "POST":
            form = act.form(request.POST)
        else:  # a link may fill in fields of the form
            linked = {name: given[name] for name in act.form.base_fields if name in given}
            form = act.form(initial={**act.initial(ids[0]), **linked})
        if not form.is_valid():
            return self.ask(request, act, ids, form)
        done = self._perform(request, act, ids, form.cleaned_data)
        if done and act.result_template:
            return self.show_result(request, act.result_template, ids[0], done[ids[0]])
        if done:
            if len(done) == 1:
                [(what, result)] = done.items()
                messages.success(request, f"{act.what_happened(result, form.cleaned_data)}: {what}")
            else:
                messages.success(request, f"{act.done}: {len(done)} of {len(ids)}")
        is_one_left = len(ids) == 1 and not act.is_end
        return HttpResponseRedirect(self.url_of("change", ids[0]) if is_one_left else self.url_of("changelist"))

    def ask(self, request: HttpRequest, act: Act, ids: list[str], form: Form) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": act.label,
            "act": act,
            "form": form,
            "ids": ids,
            "action": self.url_of("act", act.name),
            "back": self.url_of("change", ids[0]) if len(ids) == 1 else self.url_of("changelist"),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "console/ask.html", context)

    def show_result(self, request: HttpRequest, template: str, object_id: str, result: Any) -> HttpResponse:
        """A page with what an operation returned, in place of a redirect: it is kept nowhere."""
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": str(self.opts.verbose_name).capitalize(),
            "result": result,
            "back": self.url_of("change", object_id),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, template, context)

    def _perform(self, request: HttpRequest, act: Act, ids: list[str], fields: dict[str, Any]) -> dict[str, Any]:
        """What was returned for each object that was changed. Each change and its line in the history are one
        transaction."""
        done: dict[str, Any] = {}
        refused = []
        operator = replace(callers.current(), user=request.user.get_username())
        for one in ids:
            try:
                with transaction.atomic(), callers.acting_as(operator):
                    result = act.perform(one, **fields)
                    self.record(request, one, act.what_happened(result, fields), is_end=act.is_end)
            except Refusal as refusal:
                refused.append(str(refusal))
            else:
                done[one] = result
        for reason in refused[:_REFUSALS_SHOWN]:
            messages.warning(request, reason)
        if len(refused) > _REFUSALS_SHOWN:
            messages.warning(request, f"And {len(refused) - _REFUSALS_SHOWN} more were refused")
        return done

    def record(self, request: HttpRequest, object_id: str, what: str, *, is_end: bool = False) -> None:
        assert request.user.pk is not None
        LogEntry.objects.log_actions(request.user.pk, [self.model(pk=object_id)], DELETION if is_end else CHANGE, what)


def _ask_for_selected(
    act: Act, model_admin: ActingAdmin, request: HttpRequest, queryset: QuerySet[Model]
) -> HttpResponse:
    return model_admin.ask(request, act, [str(one.pk) for one in queryset], act.form())
