"""Lists of a million rows: keyset pagination, and nothing is counted.

A page begins after the last row of the page before, so each one reads a short range of an index, the thousandth as the
first. A count or an OFFSET would read rows that it does not show.
"""

import json
from dataclasses import dataclass
from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from unfold.views import ChangeList

AFTER, BEFORE = "after", "before"


@dataclass(frozen=True, slots=True)
class Pages:
    """Takes the place of Django's paginator; the links are query strings, or None."""

    per_page: int
    previous: str | None
    following: str | None
    template_name: str = "console/pages.html"


class KeysetChangeList(ChangeList):
    """`?after=` and `?before=` hold the key of a row as a JSON list."""

    def get_filters_params(self, params: dict[str, Any] | None = None) -> dict[str, Any]:
        # First of all, so that the link of a filter does not carry the position in the unfiltered list.
        for name in (AFTER, BEFORE):
            self.filter_params.pop(name, None)
        lookup: dict[str, Any] = super().get_filters_params(params)
        return lookup

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Model]) -> list[str]:
        """By one field, ties by key in the same direction, as the indexes are."""
        field, *_ = super().get_ordering(request, queryset)
        if field == "-pk":  # the request names an unknown order
            field, *_ = self.model_admin.get_ordering(request)
        sign = "-" if field.startswith("-") else ""
        is_key = self.lookup_opts.get_field(field.lstrip("-")).unique
        return [field] if is_key else [field, f"{sign}{self.lookup_opts.pk.name}"]

    def get_ordering_field(self, field_name: str) -> Any:
        """Only fields with an index: Django uses `sortable_by` for the links, not for the parameter."""
        return super().get_ordering_field(field_name) if field_name in self.sortable_by else None

    def get_results(self, request: HttpRequest) -> None:
        ordering = [str(name) for name in self.queryset.query.order_by]
        names = [name.lstrip("-") for name in ordering]
        descending = ordering[0].startswith("-")
        backwards = BEFORE in request.GET
        key = request.GET.get(BEFORE if backwards else AFTER)
        rows = self.queryset.reverse() if backwards else self.queryset
        if key is not None:
            rows = rows.filter(_beyond(names, self._parsed(names, key), descending != backwards))
        found = list(rows[: self.list_per_page + 1])
        is_more = len(found) > self.list_per_page
        found = found[: self.list_per_page]
        if backwards:
            found.reverse()
        has_previous = is_more if backwards else key is not None
        has_following = backwards or is_more
        self.result_list = found
        self.paginator = Pages(
            self.list_per_page,
            self.get_query_string({BEFORE: _key(found[0], names)}) if found and has_previous else None,
            self.get_query_string({AFTER: _key(found[-1], names)}) if found and has_following else None,
        )
        self.result_count = self.full_result_count = len(found)
        self.show_full_result_count = self.can_show_all = self.multi_page = False
        self.show_admin_actions = True

    def _parsed(self, names: list[str], key: str) -> list[Any]:
        try:
            if "\\u0000" in key:
                raise ValueError("PostgreSQL cannot store this character")
            values = json.loads(key)
            return [
                self.lookup_opts.get_field(name).to_python(value) for name, value in zip(names, values, strict=True)
            ]
        except (ValueError, TypeError, ValidationError) as error:
            raise IncorrectLookupParameters from error


def _key(row: Model, names: list[str]) -> str:
    return json.dumps([getattr(row, name) for name in names], default=str)


def _beyond(names: list[str], values: list[Any], descending: bool) -> Q:
    """Rows after the key. Each part also bounds its field alone, which is where an index scan can start."""
    comparison = "lt" if descending else "gt"
    condition = Q()
    for name, value in reversed(list(zip(names, values, strict=True))):
        further = Q(**{f"{name}__{comparison}": value})
        condition = Q(**{f"{name}__{comparison}e": value}) & (further | condition) if condition else further
    return condition
