"""Background jobs in the console: progress, reasons of failures; retry and cancel."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import quote
from django.db.models import FloatField, Model, QuerySet
from django.db.models.expressions import RawSQL
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import display
from unfold.enums import ActionVariant

from foundation.console.acts import Act
from foundation.console.admin import ConsoleAdmin
from foundation.console.formatting import NO_BREAK, duration, id_range, pretty
from memory_app.admin.node_links import NodeFilter, node_filter_link, node_url
from sessions_app.jobs import lifecycle
from sessions_app.models.jobs import Job, Kind, State

LABELS = {
    State.WAITING: "info",
    State.RUNNING: "primary",
    State.DONE: "success",
    State.FAILED: "danger",
    State.CANCELLED: "warning",
}


class ChoiceFilter(admin.SimpleListFilter):
    """Filter by a field whose values are fixed, so that none has to be queried."""

    choices_of: type[State] | type[Kind]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(choice.value, str(choice.label)) for choice in self.choices_of]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Job]) -> QuerySet[Job]:
        return queryset.filter(**{str(self.parameter_name): self.value()}) if self.value() else queryset


class StateFilter(ChoiceFilter):
    title, parameter_name, choices_of = "state", "state", State


class KindFilter(ChoiceFilter):
    title, parameter_name, choices_of = "kind", "kind", Kind


@admin.register(Job)
class JobAdmin(ConsoleAdmin):
    list_display = ("short_id", "kind", "job_state", "progress", "node", "age", "took", "reason")
    list_filter = (StateFilter, KindFilter, NodeFilter)
    search_fields = ("id",)
    search_help_text = "Job id or its beginning, or node"
    ordering = ("-number",)
    detail_template = "console/job.html"
    acts = (
        Act(
            name="retry",
            label="Retry",
            icon="replay",
            permission="sessions_app.change_job",
            perform=lambda job_id: lifecycle.retry(job_id=job_id),
            warning="Continues a failed or cancelled job where it stopped. Nothing is done twice.",
            done="Retried",
        ),
        Act(
            name="cancel",
            label="Cancel",
            icon="cancel",
            permission="sessions_app.change_job",
            perform=lambda job_id: lifecycle.cancel(job_id=job_id),
            warning="What the job did so far stays; nothing more is done.",
            done="Cancelled",
            variant=ActionVariant.WARNING,
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        return Job.objects.defer("parameters", "result").annotate(
            age_seconds=RawSQL("extract(epoch FROM now() - created_at)::float8", (), output_field=FloatField()),
            took_seconds=RawSQL(
                "extract(epoch FROM COALESCE(finished_at, now()) - started_at)::float8", (), output_field=FloatField()
            ),
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Job], search_term: str
    ) -> tuple[QuerySet[Job], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        if term.startswith("job-"):
            return queryset.filter(**id_range("id", term)).order_by("id"), False
        return queryset.filter(node_id=term), False

    @display(description="Job")
    def short_id(self, job: Job) -> str:
        return format_html('<span title="{}">{}…</span>', job.id, job.id[:16])

    @display(description="State", label=LABELS)
    def job_state(self, job: Job) -> str:
        return State(job.state).value

    @display(description="Progress")
    def progress(self, job: Job) -> str:
        return format_html(
            '<progress value="{}" max="{}"></progress> {}',
            job.done,
            job.total,
            f"{job.done:,} of {job.total:,}".replace(" ", NO_BREAK),
        )

    @display(description="Node")
    def node(self, job: Job) -> str:
        return node_filter_link(job.node_id)

    @display(description="Age")
    def age(self, job: Any) -> str:
        return duration(job.age_seconds)

    @display(description="Took")
    def took(self, job: Any) -> str:
        return "–" if job.took_seconds is None else duration(job.took_seconds)

    @display(description="Reason")
    def reason(self, job: Job) -> str:
        text = job.error or ""
        return text if len(text) <= 80 else f"{text[:80]}…"

    def details(self, request: HttpRequest, thing: Model) -> dict[str, Any]:
        job = lifecycle.find(thing.pk)
        return {
            "job": job,
            "label": LABELS[State(job.state)],
            "node_url": node_url(job.node_id),
            "session_url": None
            if job.session_id is None
            else reverse("admin:sessions_app_session_change", args=[quote(job.session_id)]),
            "parameters": pretty(job.parameters),
            "result": None if job.result is None else pretty(job.result),
        }
