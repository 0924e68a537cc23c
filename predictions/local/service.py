"""Running the local weights: the engine's socket, book and runner over warm workers."""

from __future__ import annotations

from pathlib import Path

from predictions.engine.limits import Limits
from predictions.engine.server import Trade, serve_trade
from predictions.local.hands import Hand, Hands
from predictions.local.settings import LocalSettings


def serve(socket_path: str | Path, secret: str, work_dir: str | Path, settings: LocalSettings) -> None:
    """Serve predictions until SIGTERM or SIGINT. As `predictions.engine.server.serve`, one slot per device.

    Raises `EngineError`.
    """
    workers = len(settings.devices)

    def workforce() -> Hands:
        return Hands([Hand(settings, device, workers) for device in settings.devices])

    trade = Trade(settings.names, workforce, title="service of local weights", who="worker with the weights")
    # Memory and processor time are not limited here: a device's driver maps more than any limit would allow.
    limits = Limits(cancel_grace_s=settings.cancel_grace_s)
    serve_trade(trade, socket_path, secret, work_dir, workers, limits)
