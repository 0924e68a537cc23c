"""Minimal servers with full control over every byte."""

from __future__ import annotations

import contextlib
import itertools
import socketserver
import threading
from collections.abc import Iterator
from io import BufferedIOBase


class _Server(socketserver.ThreadingTCPServer):
    # A test does not wait for callers that keep their connections.
    daemon_threads = True
    block_on_close = False


@contextlib.contextmanager
def listening(handler: type[socketserver.StreamRequestHandler]) -> Iterator[str]:
    """The address of a server that has each connection handled in a thread of its own."""
    with _Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def head(file: BufferedIOBase) -> bytes:
    """A request's head without the blank line after it; b"" where the caller has gone without another one."""
    lines = iter(file.readline, b"\r\n")
    # Whoever has gone says b"" for ever.
    return b"".join(itertools.takewhile(bool, lines))
