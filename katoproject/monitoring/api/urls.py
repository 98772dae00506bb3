"""The monitoring routes."""

from django.urls import path

from katoproject.monitoring.api import cache, connections, health, metrics, processes

urlpatterns = [
    path("", health.Root.as_view()),
    path("health", health.Health.as_view()),
    path("health/ready", health.Ready.as_view()),
    path("status", processes.Status.as_view()),
    path("concurrency", processes.Concurrency.as_view()),
    path("metrics", metrics.Metrics.as_view()),
    path("metrics/<str:metric_name>", metrics.Metric.as_view()),
    path("metrics-prom", metrics.Prometheus.as_view()),
    path("stats", metrics.Stats.as_view()),
    path("cache/stats", cache.CacheStats.as_view()),
    path("cache/invalidate", cache.CacheInvalidate.as_view()),
    path("connection-pools", connections.ConnectionPools.as_view()),
    path("distributed-stm/stats", connections.DistributedStm.as_view()),
]
