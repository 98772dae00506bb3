"""The node-level routes."""

from django.urls import path

from memory_app.api import browsing, exporting, node_paths, views  # noqa: F401  node_paths: `<node:…>` in routes

urlpatterns = [
    path("pattern/<str:pattern_id>", views.Pattern.as_view()),
    path("patterns/count", views.PatternCount.as_view()),
    path("percept-data", views.PerceptData.as_view()),
    path("cognition-data", views.CognitionData.as_view()),
    path("symbols/affinity", views.Affinities.as_view()),
    path("symbols/stats", views.SymbolStatistics.as_view()),
    # A symbol may hold slashes: %2F reaches the routes as one.
    path("symbols/<path:symbol>/affinity", views.Affinity.as_view()),
    path("nodes", browsing.Nodes.as_view()),
    path("nodes/<node:node_id>/patterns", browsing.Patterns.as_view()),
    path("nodes/<node:node_id>/export", exporting.Export.as_view()),
    # After the routes that end in a word: a node may be called `x/patterns`.
    path("nodes/<node:node_id>/patterns/<str:name>", browsing.OnePattern.as_view()),
]
