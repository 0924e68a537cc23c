"""Exceptions that become error responses of pages and APIs alike."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied


class ExplainedDenial(PermissionDenied):
    """403 with a message for people: what is missing, and who may do it."""
