"""Sessions in the console: find one, see what it holds and what its node predicts, extend or end it."""

from contextlib import suppress
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import BooleanField, F, FloatField, Model, QuerySet
from django.db.models.expressions import RawSQL
from django.http import Http404, HttpRequest, HttpResponse
from django.template.defaultfilters import pluralize
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from pydantic_core import from_json, to_json
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminIntegerFieldWidget

from foundation.console.acts import Act
from foundation.console.admin import ConsoleAdmin
from foundation.console.formatting import duration, id_range, pretty
from foundation.contracts import of_row
from foundation.errors import Refusal
from foundation.http.answers import json_answer
from foundation.json_text import written
from memory_app.admin.event_lists import newest, prediction_view
from memory_app.admin.node_links import NodeFilter, node_filter_link, node_url, pattern_url
from sessions_app import operations
from sessions_app.config import effective, shown
from sessions_app.errors import SessionNotFound
from sessions_app.expiry import AGE, ALIVE, LEFT, UNUSED_FOR
from sessions_app.models.sessions import Session
from sessions_app.reads import inspection
from sessions_app.shapes.bodies import MAX_TTL

IDLE_AFTER = 600  # seconds
MOST_PREDICTIONS = 20

LABELS = {"active": "success", "idle": "warning", "expired": "danger"}


def state_of(*, is_alive: bool, unused_for: float) -> str:
    if not is_alive:
        return "expired"
    return "idle" if unused_for >= IDLE_AFTER else "active"


def _condition(sql: str) -> RawSQL:
    return RawSQL(sql, (), output_field=BooleanField())


def _seconds(sql: str) -> RawSQL:
    return RawSQL(sql, (), output_field=FloatField())


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("active", "Active"), ("idle", f"Idle for {duration(IDLE_AFTER)}"), ("expired", "Expired")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Session]) -> QuerySet[Session]:
        match self.value():
            case "active":
                return queryset.filter(_condition(ALIVE))
            case "idle":
                return queryset.filter(_condition(ALIVE), _condition(f"{UNUSED_FOR} >= {IDLE_AFTER}"))
            case "expired":
                return queryset.filter(_condition(f"NOT ({ALIVE})"))
        return queryset


class ExtendForm(forms.Form):
    ttl_seconds = forms.IntegerField(
        label="Seconds from now",
        min_value=1,
        max_value=MAX_TTL,
        initial=3600,
        widget=UnfoldAdminIntegerFieldWidget,
    )


@admin.register(Session)
class SessionAdmin(ConsoleAdmin):
    list_display = ("id", "node", "state", "age", "time_left", "events", "observations")
    list_filter = (StateFilter, NodeFilter)
    search_fields = ("id",)
    search_help_text = "Session id or its beginning, or node"
    ordering = ("-created_at",)
    sortable_by = ("age", "time_left")
    actions = ("export",)
    detail_template = "console/session.html"
    acts = (
        Act(
            name="extend",
            label="Extend",
            icon="more_time",
            permission="sessions_app.change_session",
            perform=lambda session_id, **fields: operations.extend(session_id=session_id, **fields),
            warning="The session will expire after this time, or later if it is used meanwhile.",
            done="Extended",
            form=ExtendForm,
        ),
        Act(
            name="clear-stm",
            label="Clear STM",
            icon="mop",
            permission="sessions_app.change_session",
            perform=lambda session_id: operations.clear_stm(session_id=session_id),
            warning="Empties short-term memory, accumulated emotives and percept. What its node learned stays.",
            done="STM cleared",
            acts_on_part=True,
        ),
        Act(
            name="expire",
            label="Expire now",
            icon="timer_off",
            permission="sessions_app.change_session",
            perform=lambda session_id: operations.expire(session_id=session_id),
            warning="Clients will no longer find it, as if its time had run out. This cannot be undone.",
            done="Expired",
            variant=ActionVariant.WARNING,
        ),
        Act(
            name="delete",
            label="Delete",
            icon="delete",
            permission="sessions_app.delete_session",
            perform=lambda session_id: operations.delete(session_id=session_id),
            warning="Clients will no longer find it. What its node learned stays. This cannot be undone.",
            done="Deleted",
            variant=ActionVariant.DANGER,
            is_end=True,
        ),
    )

    # The list --------------------------------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[Session]:
        return Session.objects.only("id", "node_id", "created_at", "expires_at", "time").annotate(
            is_alive=_condition(ALIVE),
            age_seconds=_seconds(AGE),
            seconds_left=_seconds(LEFT),
            unused_for=_seconds(UNUSED_FOR),
            stm_length=F("stm_end") - F("stm_start"),
        )

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """Idle and expired sessions by deadline, because only the index on it has them next to each other."""
        by_deadline = request.GET.get("state") in ("idle", "expired")
        return ("expires_at",) if by_deadline else ("-created_at",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Session], search_term: str
    ) -> tuple[QuerySet[Session], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        if term.startswith("session-"):
            return queryset.filter(**id_range("id", term)).order_by("id"), False
        return queryset.filter(node_id=term), False

    @display(description="Node")
    def node(self, session: Session) -> str:
        return node_filter_link(session.node_id)

    @display(description="State", label=LABELS)
    def state(self, session: Any) -> str:
        return state_of(is_alive=session.is_alive, unused_for=session.unused_for)

    @display(description="Age", ordering="-created_at")
    def age(self, session: Any) -> str:
        return duration(session.age_seconds)

    @display(description="Time left", ordering="expires_at")
    def time_left(self, session: Any) -> str:
        return duration(session.seconds_left) if session.is_alive else "–"

    @display(description="STM")
    def events(self, session: Any) -> str:
        return f"{session.stm_length} event{pluralize(session.stm_length)}"

    @display(description="Observations")
    def observations(self, session: Session) -> int:
        return session.time

    # One session -----------------------------------------------------------------------------------------------------

    def own_urls(self) -> list[URLPattern]:
        wrapped = self.admin_site.admin_view
        return [
            path("<path:object_id>/export/", wrapped(self.export_view), name=self._url_name("export")),
            path("<path:object_id>/predictions/", wrapped(self.predictions_view), name=self._url_name("predictions")),
        ]

    def other_links(self, thing: Model) -> list[dict[str, str]]:
        export = {"title": "Export", "icon": "download", "link": self.url_of("export", thing.pk)}
        return [*super().other_links(thing), export]

    def details(self, request: HttpRequest, thing: Model) -> dict[str, Any]:
        session = inspection.inspect(thing.pk)
        shown_state = state_of(is_alive=session.is_alive, unused_for=session.unused_for)
        own, contract = session.config, of_row(session.contract)
        config = shown(effective(own, contract=contract), contract=contract)
        return {
            "session": session,
            "contract": contract,
            "state": shown_state,
            "label": LABELS[shown_state],
            "age": duration(session.age),
            "left": duration(session.left) if session.is_alive else "–",
            "unused_for": duration(session.unused_for),
            "ttl": duration(session.ttl_seconds),
            "stm": newest(session.stm),
            "percept": pretty(session.percept),
            "metadata": pretty(session.metadata),
            "emotives": pretty(session.emotives),
            "config": [(key, to_json(value).decode(), key in own) for key, value in config.items()],
            "node_url": node_url(session.node_id),
            "predictions_url": self.url_of("predictions", thing.pk),
        }

    def predictions_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A part of the session's page, loaded separately because it may have to build the node's index first."""
        from sessions_app.reads import predicting  # loads the kernels; Django loads this module in every process

        session = self._inspected(request, object_id)
        try:
            found = from_json(predicting.preview(session.session_id))
        except Refusal as error:
            return TemplateResponse(request, "console/predictions.html", {"problem": error.explanation})
        shown = found["predictions"][:MOST_PREDICTIONS]
        context = {
            "predictions": [(prediction_view(one), pattern_url(session.node_id, one["name"])) for one in shown],
            "count": found["count"],
        }
        return TemplateResponse(request, "console/predictions.html", context)

    # Export ----------------------------------------------------------------------------------------------------------

    def export_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        session = self._inspected(request, object_id)
        return _download(f"{session.session_id}.json", inspection.exported(session))

    @admin.action(description="Export as JSON", permissions=["view"])
    def export(self, request: HttpRequest, queryset: QuerySet[Session]) -> HttpResponse:
        """One JSON list of the selected sessions that still exist."""
        exported = []
        for session_id in queryset.values_list("id", flat=True):
            with suppress(SessionNotFound):
                exported.append(inspection.exported(inspection.inspect(session_id)))
        return _download("sessions.json", exported)

    def _inspected(self, request: HttpRequest, object_id: str) -> inspection.Inspection:
        if not self.has_view_permission(request):
            raise PermissionDenied
        thing = self.get_object(request, unquote(object_id))
        if thing is None:
            raise Http404
        return inspection.inspect(thing.pk)


def _download(name: str, content: Any) -> HttpResponse:
    response = json_answer(written(content, indent=2))
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
