"""Moderation: cases, decisions, appeals, hiding and restoring, reviews before publication, staff pages."""

from __future__ import annotations

from gallery.moderation.effects.visibility_changes import (
    LONGEST_REASON,
    hide,
    hide_collection,
    restore,
    restore_collection,
)

__all__ = ["LONGEST_REASON", "hide", "hide_collection", "restore", "restore_collection"]
