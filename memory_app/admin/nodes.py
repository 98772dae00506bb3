"""Nodes in the console: what one knows (patterns, symbols), and clearing it."""

import re
from collections.abc import Iterable
from typing import Any, cast
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from unfold.decorators import display
from unfold.enums import ActionVariant

from engine.naming import bare_name
from foundation.console.acts import Act
from foundation.console.admin import ConsoleAdmin
from foundation.console.formatting import id_range, pretty
from foundation.errors import InvalidRequest
from memory_app import vector_table
from memory_app.admin import retiring
from memory_app.admin.event_lists import oldest
from memory_app.admin.node_links import node_url
from memory_app.models import Node
from memory_app.node_ids import display_id
from memory_app.operations.nodes import clear
from memory_app.pattern_ids import NAME
from memory_app.reads import acts, browsing, nodes
from memory_app.reads.browsing import ListedPattern, Order, Wanted

_PATTERNS_PER_PAGE = 25
_ACTS_PER_PAGE = 100
_MOST_SYMBOLS = 200
_EVENTS_IN_LIST = 12
_NUMBER = re.compile(r"\d{1,18}")
_BEGINNING = re.compile("[0-9a-f]{0,40}")
_FREQUENCY = re.compile("[1-9][0-9]{0,9}")


@admin.register(Node)
class NodeAdmin(ConsoleAdmin):
    list_display = ("node_id", "shown_as", "finalized")
    search_fields = ("node_id",)
    search_help_text = "Node id or its beginning"
    ordering = ("node_id",)
    detail_template = "console/node.html"
    acts = (
        Act(
            name="clear",
            label="Forget everything",
            icon="delete_forever",
            permission="memory_app.delete_node",
            perform=lambda node_id: clear(node_id=node_id),
            warning="All its patterns, vectors, affinities and statistics are forgotten. Sessions and their short-term "
            "memories stay. This cannot be undone.",
            done="Forgot everything",
            variant=ActionVariant.DANGER,
            for_many=False,
        ),
        *retiring.ACTS,
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Node]:
        return Node.objects.defer("finalized_statistics")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Node], search_term: str
    ) -> tuple[QuerySet[Node], bool]:
        term = search_term.strip()
        return (queryset.filter(**id_range("node_id", term)) if term else queryset), False

    @display(description="Shown to clients as")
    def shown_as(self, node: Node) -> str:
        return display_id(node.node_id)

    @display(description="Training", label={"finalized": "success", "open": "info"})
    def finalized(self, node: Node) -> str:
        return "finalized" if node.finalized_snapshot else "open"

    # One node --------------------------------------------------------------------------------------------------------

    def own_urls(self) -> list[URLPattern]:
        wrapped = self.admin_site.admin_view
        return [
            path("<path:object_id>/patterns/", wrapped(self.patterns_view), name=self._url_name("patterns")),
            path("<path:object_id>/patterns/<str:name>/", wrapped(self.pattern_view), name=self._url_name("pattern")),
            path("<path:object_id>/acts/", wrapped(self.acts_view), name=self._url_name("acts")),
            path("<path:object_id>/symbols/", wrapped(self.symbols_view), name=self._url_name("symbols")),
        ]

    def links(self, node_id: str) -> dict[str, str]:
        return {
            "node_url": node_url(node_id),
            "patterns_url": self.url_of("patterns", node_id),
            "symbols_url": self.url_of("symbols", node_id),
            "acts_url": self.url_of("acts", node_id),
            "sessions_url": f"{reverse('admin:sessions_app_session_changelist')}?{urlencode({'node': node_id})}",
            "jobs_url": f"{reverse('admin:sessions_app_job_changelist')}?{urlencode({'node': node_id})}",
        }

    def details(self, request: HttpRequest, thing: Model) -> dict[str, Any]:
        from memory_app.index import indexes  # loads the kernels; Django loads this module in every process

        node_id: str = thing.pk
        memory = cast(Node, thing).memory
        return {
            "shown_as": display_id(node_id),
            "patterns": nodes.count_patterns(node_id),
            "vectors": vector_table.count(memory),
            "dimension": vector_table.space_of_memory(memory).dimension,
            "recent": self._rows(node_id, browsing.page(node_id, Wanted(), limit=5).patterns),
            "index": next((one for one in indexes.held() if one.node_id == node_id), None),
            "build": next((one for one in indexes.builds() if one.node_id == node_id), None),
            **self.links(node_id),
        }

    def patterns_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The patterns that the query asks for; its links lead to pages in the same order."""
        node = self._node(request, object_id)
        given = {name: request.GET.get(name, "").strip() for name in ("q", "frequency", "retired", "order")}
        # Not stripped: a symbol may be a space.
        given["symbol"] = request.GET.get("symbol", "")
        page = browsing.PatternPage([], None)
        problem = ""
        try:
            wanted = _wanted(**given)
            after = request.GET.get("after")
            cursor = browsing.cursor_of(after, wanted.order) if after else None
            page = browsing.page(node.pk, wanted, after=cursor, limit=_PATTERNS_PER_PAGE)
        except InvalidRequest as error:
            problem = error.explanation
        kept = {name: value for name, value in given.items() if value}
        context = {
            "patterns": self._rows(node.pk, page.patterns),
            "following": page.following and urlencode({**kept, "after": str(page.following)}),
            "first": urlencode(kept),
            "given": given,
            "problem": problem,
            **self.links(node.pk),
        }
        return self.render(request, "console/patterns.html", node, **context)

    def _rows(self, node_id: str, patterns: Iterable[ListedPattern]) -> list[dict[str, Any]]:
        return [
            {
                "pattern": one,
                "events": oldest(one.events, _EVENTS_IN_LIST),
                "url": self.url_of("pattern", node_id, one.name),
            }
            for one in patterns
        ]

    def pattern_view(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        node = self._node(request, object_id)
        pattern = _pattern(node.pk, name)
        if pattern is None:
            raise Http404
        context = {
            "pattern": pattern,
            "is_retired": browsing.is_retired(node.pk, name),
            "events": oldest(pattern.events),
            "emotives": pretty(pattern.emotives),
            "metadata": pretty(pattern.metadata),
            "actions_detail": [
                {**link, "path": f"{link['path']}&{urlencode({'patterns': name})}"}
                for link in self.act_links(request, node)
            ],
            **self.links(node.pk),
        }
        return self.render(request, "console/pattern.html", node, **context)

    def acts_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Who retired, un-retired and purged its patterns, when and why."""
        node = self._node(request, object_id)
        given = request.GET.get("before", "")
        before = int(given) if _NUMBER.fullmatch(given) else acts.NEWEST
        found = acts.latest(node_id=node.pk, before=before, limit=_ACTS_PER_PAGE)
        # To the list, which finds it if it is there: what was purged or never learned has no page.
        patterns = self.url_of("patterns", node.pk)
        rows = [{"act": one, "url": f"{patterns}?{urlencode({'q': one.pattern})}"} for one in found]
        older = found[-1].number if len(found) == _ACTS_PER_PAGE else None
        return self.render(request, "console/acts.html", node, acts=rows, older=older, **self.links(node.pk))

    def symbols_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The most frequent symbols, or the one in the query. Builds the node's index where this process has none."""
        from memory_app.index import indexes
        from memory_app.patience import PREDICTION_SECONDS, Bounded

        node = self._node(request, object_id)
        with Bounded(PREDICTION_SECONDS, "Counting the symbols") as stop:
            statistics = indexes.follow(node.pk, stop).view.symbol_statistics()
            stop.check()
        query = request.GET.get("q", "")
        chosen = [query] if query in statistics else []
        if not query:
            chosen = sorted(statistics, key=lambda symbol: (-statistics[symbol].frequency, symbol))[:_MOST_SYMBOLS]
        context = {
            "symbols": [(symbol, *statistics[symbol]) for symbol in chosen],
            "affinity": pretty(nodes.affinity(node.pk, query)) if query else None,
            "count": len(statistics),
            "query": query,
            **self.links(node.pk),
        }
        return self.render(request, "console/symbols.html", node, **context)

    def _node(self, request: HttpRequest, object_id: str) -> Model:
        if not (self.has_view_permission(request) and request.user.has_perm("memory_app.view_pattern")):
            raise PermissionDenied
        node: Model | None = self.get_object(request, unquote(object_id))
        if node is None:
            raise Http404
        return node


def _wanted(*, q: str, symbol: str, frequency: str, retired: str, order: str) -> Wanted:
    """What a search form asks for. Raises InvalidRequest."""
    name = bare_name(q).lower()
    if not _BEGINNING.fullmatch(name):
        raise _unfit("q", q, "a name has 40 hexadecimal digits; give all, or the first ones")
    if frequency and not _FREQUENCY.fullmatch(frequency):
        raise _unfit("frequency", frequency, "a frequency is a whole number from 1 on")
    if "\0" in symbol:
        raise _unfit("symbol", symbol, "no symbol has the character U+0000")
    return Wanted(
        symbol=symbol or None,
        prefix=name,
        min_frequency=int(frequency or 1),
        retired={"true": True, "false": False}.get(retired),
        order=Order.FREQUENCY if order == Order.FREQUENCY else Order.NEWEST,
    )


def _unfit(name: str, value: str, reason: str) -> InvalidRequest:
    return InvalidRequest([{"type": "unfit", "loc": ["query", name], "msg": reason, "input": value}])


def _pattern(node_id: str, name: str) -> nodes.StoredPattern | None:
    return nodes.pattern(node_id, name) if NAME.fullmatch(name) else None
