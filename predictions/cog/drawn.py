"""Which controls the studio will draw for a version. The floor above draws them, and says here how."""

from __future__ import annotations

from collections.abc import Callable

from predictions.models import Version

Drawn = list[tuple[str, str, str]]
"""For each input, in the order of the page: its name, the label, and the sort of control in words."""
_drawers: list[Callable[[Version], Drawn]] = []


def is_told_by(drawer: Callable[[Version], Drawn]) -> None:
    """Say who draws; called once when the floor above is ready."""
    _drawers[:] = [drawer]


def controls(version: Version) -> Drawn:
    """The controls of a version, saved or not; without a floor above its inputs by type."""
    for drawer in _drawers:
        return drawer(version)
    return [(name, name, str(rule.get("type", ""))) for name, rule in version.properties.items()]
