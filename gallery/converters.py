"""Names in addresses: of people, tags and models. What no name can be does not reach a database."""

from __future__ import annotations

from django.urls import register_converter
from django.urls.converters import StringConverter


class NameConverter(StringConverter):
    """At most 200 characters, without the one that PostgreSQL takes in no text."""

    regex = "[^/\0]{1,200}"


register_converter(NameConverter, "name")
