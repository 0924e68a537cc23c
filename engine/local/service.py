"""The service of local models: the engine's socket, job registry and runner over warm workers."""

from __future__ import annotations

from pathlib import Path

from engine.local.config.settings_file import LocalSettings
from engine.local.device_workers import DeviceWorker, DeviceWorkers
from engine.server.job_limits import Limits
from engine.server.socket_server import ServiceSpec, run_service


def serve(socket_path: str | Path, secret: str, work_dir: str | Path, settings: LocalSettings) -> None:
    """Serve predictions until SIGTERM or SIGINT. As `engine.server.socket_server.serve`, one slot per device.

    Raises `EngineError`.
    """
    workers = len(settings.devices)

    def workforce() -> DeviceWorkers:
        return DeviceWorkers([DeviceWorker(settings, device, workers) for device in settings.devices])

    spec = ServiceSpec(
        settings.names, workforce, title="service of local weights", worker_name="worker with the weights"
    )
    # No limits on memory and processor time: a device driver maps more address space than any limit would allow.
    limits = Limits(cancel_grace_s=settings.cancel_grace_s)
    run_service(spec, socket_path, secret, work_dir, workers, limits)
