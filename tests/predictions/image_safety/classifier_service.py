"""A classifier on the loopback interface with configurable responses, and test images."""

from __future__ import annotations

import io
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from PIL import Image


class ClassifierService:
    """Remembers every request as (headers, body). `labels` is the answer; `status` and `raw` spoil it."""

    def __init__(self) -> None:
        self.labels: dict[str, Any] = {"nsfw": 0.01}
        self.status = 200
        self.raw: bytes | None = None
        self.requests: list[tuple[dict[str, str], bytes]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.requests.append(({name.lower(): value for name, value in self.headers.items()}, body))
                said = outer.raw if outer.raw is not None else json.dumps({"labels": outer.labels}).encode()
                self.send_response(outer.status)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/judge"

    def __enter__(self) -> ClassifierService:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *args: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def scene(seed: int, side: int = 256) -> Image.Image:
    """A picture with something in it, a different one for each seed."""
    rough = np.random.default_rng(seed).integers(0, 255, (6, 6, 3)).astype("uint8")
    return Image.fromarray(rough).resize((side, side), Image.Resampling.BICUBIC)


def as_bytes(picture: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    """The picture as a file."""
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()
