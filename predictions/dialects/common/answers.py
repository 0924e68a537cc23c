"""Answers that every dialect gives in the same way."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpResponse


def answer(value: Any, status: int = 200) -> HttpResponse:
    """A JSON answer."""
    return HttpResponse(json.dumps(value, ensure_ascii=False), status=status, content_type="application/json")
