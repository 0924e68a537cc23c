"""The bodies of webhooks: written by the dialect that registers its renderer, so that webhooks know no dialect.

A body is rendered once, at the first try, so that every try of one event sends and signs the same bytes.
"""

from __future__ import annotations

from typing import Protocol

from predictions.models import Prediction


class BodyRenderer(Protocol):
    """How a dialect writes the body of a webhook, as JSON text."""

    def render(self, prediction: Prediction) -> str:
        """The body for a prediction in its present state."""

    def example(self, event: str, origin: str) -> str:
        """The body of a test event: of a prediction that never was. `origin` is this server's, `https://host`."""


_registered: list[BodyRenderer] = []


def register(renderer: BodyRenderer) -> None:
    """Have this dialect write all bodies; called once, when the app is ready."""
    _registered[:] = [renderer]


def render(prediction: Prediction) -> str:
    """The body for a prediction in its present state."""
    return _registered[0].render(prediction)


def example(event: str, origin: str) -> str:
    """The body of a test event."""
    return _registered[0].example(event, origin)
