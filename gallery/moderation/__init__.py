"""Moderation: cases and their decisions, hiding and restoring, appeals, review before publication, the desk."""

from __future__ import annotations

from gallery.moderation.effects.visibility_changes import (
    LONGEST_REASON,
    hide,
    hide_collection,
    restore,
    restore_collection,
)

__all__ = ["LONGEST_REASON", "hide", "hide_collection", "restore", "restore_collection"]
