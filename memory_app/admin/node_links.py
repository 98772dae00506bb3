"""Nodes on the pages of the console: links to them, and the filter of a list by one of them."""

from typing import Any
from urllib.parse import urlencode

from django.contrib.admin.utils import quote
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from unfold.contrib.filters.admin import TextFilter

_MOST_IN_LIST = 40  # characters


def node_url(node_id: str) -> str:
    """The page of a node, which exists once the node has learned something."""
    return reverse("admin:memory_app_node_change", args=[quote(node_id)])


def pattern_url(node_id: str, name: str) -> str:
    return reverse("admin:memory_app_node_pattern", args=[quote(node_id), name])


def node_filter_link(node_id: str) -> str:
    """A node in a list, as a link that filters this list by the node."""
    shown = node_id if len(node_id) <= _MOST_IN_LIST else f"{node_id[:_MOST_IN_LIST]}…"
    return format_html('<a class="plain" href="?{}" title="{}">{}</a>', urlencode({"node": node_id}), node_id, shown)


class NodeFilter(TextFilter):
    """Takes the exact id of a node: to offer a list of nodes, it would have to read all rows."""

    title = "node"
    parameter_name = "node"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> QuerySet[Any]:
        node_id = self.value()
        return queryset.filter(node_id=node_id) if node_id else queryset
