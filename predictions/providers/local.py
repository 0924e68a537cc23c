"""Provider of local weights: the embedded engine's client, for the service that runs real models on this machine."""

from __future__ import annotations

from predictions.providers.embedded import EmbeddedEngine

NAME = "local"


class LocalWeights(EmbeddedEngine):
    """The service of `manage.py local`, which speaks the engine's protocol on a socket of its own."""

    def __init__(
        self, *, socket_path: str, secret: str, limit: int, models: frozenset[str], keeps_its_models: bool
    ) -> None:
        """`limit` is the number of its devices; `models` those that have weights, as `owner/name`.

        `keeps_its_models`: no other engine runs them, even while every device is busy; upstreams may.
        """
        super().__init__(name=NAME, socket_path=socket_path, secret=secret, limit=limit, models=models)
        self.keeps_its_models = keeps_its_models

    def takes_pictures(self, model: str) -> bool:
        """Whether it has weights for it: they accept the same images as the published model."""
        return self.serves(model)
