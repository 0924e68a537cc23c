"""The provider of local weights: the embedded engine's client, for the service that runs real models here."""

from __future__ import annotations

from predictions.providers.embedded import EmbeddedEngine

NAME = "local"


class LocalWeights(EmbeddedEngine):
    """The service of `manage.py local`, which speaks the engine's protocol on a socket of its own."""

    def __init__(
        self, *, socket_path: str, secret: str, limit: int, models: frozenset[str], keeps_its_models: bool
    ) -> None:
        """`limit` is the number of its devices; `models` those that have weights, as `owner/name`.

        `keeps_its_models`: nobody but upstreams works on them, also while every device is busy.
        """
        super().__init__(name=NAME, socket_path=socket_path, secret=secret, limit=limit, models=models)
        self.keeps_its_models = keeps_its_models

    def takes_pictures(self, model: str) -> bool:
        """Whether it has weights for it: they take whatever pictures the published model takes."""
        return self.serves(model)
