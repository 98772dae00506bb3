"""The monitoring routes."""

from django.urls import path

from katoproject.monitoring.api import metrics, processes, stores

urlpatterns = [
    path("status", processes.Status.as_view()),
    path("concurrency", processes.Concurrency.as_view()),
    path("metrics", metrics.Metrics.as_view()),
    path("metrics/<str:metric_name>", metrics.Metric.as_view()),
    path("metrics-prom", metrics.Prometheus.as_view()),
    path("stats", metrics.Stats.as_view()),
    path("cache/stats", stores.CacheStats.as_view()),
    path("cache/invalidate", stores.CacheInvalidate.as_view()),
    path("connection-pools", stores.ConnectionPools.as_view()),
    path("distributed-stm/stats", stores.DistributedStm.as_view()),
]
