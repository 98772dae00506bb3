"""The id of a node in a path: any text, percent-encoded, so `%2F` stands for a slash in it."""

from django.urls import register_converter
from django.urls.converters import StringConverter


class NodeIdConverter(StringConverter):
    """Also takes slashes, line ends, and nothing at all; the last `/patterns` or the like of a path is the route's."""

    regex = "(?s:.*)"


register_converter(NodeIdConverter, "node")
