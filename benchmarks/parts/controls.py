"""What Darkroom is compared with: the least work that could answer the same request on the same server."""

from __future__ import annotations

import asyncio
import io
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

Scope = dict[str, Any]
HELLO = b"Hello, world!\n"


async def bare(scope: Scope, receive: Any, send: Any) -> None:
    """Bare ASGI: no framework at all."""
    await receive()
    await answer(send, HELLO, b"text/plain")


async def answer(send: Any, body: bytes, kind: bytes = b"application/json", status: int = 200) -> None:
    """Send a whole answer."""
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class WsgiInThreads:
    """The other way considered: Django's WSGI handler behind a small ASGI adapter, in a pool of threads."""

    def __init__(self, threads: int = 8) -> None:
        from django.core.wsgi import get_wsgi_application

        self.wsgi = get_wsgi_application()
        self.pool = ThreadPoolExecutor(threads)

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        loop = asyncio.get_running_loop()
        status, headers, content = await loop.run_in_executor(self.pool, self._call, scope, body)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    def _call(self, scope: Scope, body: bytes) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        head: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], error: Any = None) -> None:
            head[:] = [status, headers]

        result = self.wsgi(_environ(scope, body), start_response)
        try:
            content = b"".join(result)
        finally:
            result.close()
        headers = [(name.encode("ascii").lower(), value.encode("latin1")) for name, value in head[1]]
        return int(head[0][:3]), headers, content


def _environ(scope: Scope, body: bytes) -> dict[str, Any]:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": scope.get("root_path", ""),
        "PATH_INFO": scope["path"].encode().decode("latin1"),
        "QUERY_STRING": scope["query_string"].decode("ascii"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": scope["server"][0],
        "SERVER_PORT": str(scope["server"][1]),
        "REMOTE_ADDR": scope["client"][0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in scope["headers"]:
        key = name.decode("latin1").upper().replace("-", "_")
        if key not in {"CONTENT_LENGTH", "CONTENT_TYPE"}:
            key = "HTTP_" + key
        text = value.decode("latin1")
        environ[key] = f"{environ[key]},{text}" if key in environ else text
    return environ
