"""How the admin panel looks and what its side bar holds. Data only."""

from __future__ import annotations

from typing import Any

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Darkroom",
    "SITE_HEADER": "Darkroom",
    "SITE_URL": "/",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": True,
}
