"""URL converter `name`: names of users, tags and models, without what no database takes."""

from __future__ import annotations

from django.urls import register_converter
from django.urls.converters import StringConverter


class NameConverter(StringConverter):
    """At most 200 characters, without `/` and NUL, which PostgreSQL rejects in text."""

    regex = "[^/\0]{1,200}"


register_converter(NameConverter, "name")
