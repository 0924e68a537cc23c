"""Two tables with the kinds of columns that compiled queries read and write."""

from __future__ import annotations

from django.db import models

from core.clock import Now


class Author(models.Model):  # noqa: DJ008
    """Somebody who is pointed at."""

    name = models.CharField(max_length=50)


class Book(models.Model):  # noqa: DJ008
    """A row with a relation, one that may be missing, JSON, and a time that the database sets."""

    author = models.ForeignKey(Author, models.CASCADE, related_name="books")
    editor = models.ForeignKey(Author, models.CASCADE, related_name="edited", null=True)
    title = models.CharField(max_length=50, unique=True)
    pages = models.IntegerField(default=0)
    facts = models.JSONField(default=dict)
    notes = models.JSONField(null=True)
    added_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField(null=True)
