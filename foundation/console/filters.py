"""Filters that an index serves."""

from typing import Any

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import TextFilter


class NodeFilter(TextFilter):
    """Takes the exact id of a node: to offer a list of nodes, it would have to read all rows."""

    title = "node"
    parameter_name = "node"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> QuerySet[Any]:
        node_id = self.value()
        if not node_id:
            return queryset
        return queryset.none() if "\0" in node_id else queryset.filter(node_id=node_id)
