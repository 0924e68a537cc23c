"""Exceptions that become answers whatever asked: a page or an API."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied


class ExplainedDenial(PermissionDenied):
    """403 with words for people: what is missing, and who may do it."""
