"""Receivers of webhooks on ports of their own: `python -m benchmarks.parts.receivers COUNT [CERTIFICATE]`.

Prints the ports as JSON once all of them listen. Each answers 200 after a twentieth of a second, as one far away does.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys

FAR_S = 0.05
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection with one post."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        )
        await reader.readexactly(length)
        await asyncio.sleep(FAR_S)
        writer.write(ANSWER)
        await writer.drain()
    except (OSError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def serve(count: int, certificate: str) -> None:
    """Listen until this process is stopped."""
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    servers = [await asyncio.start_server(receive, "127.0.0.1", 0, ssl=context) for _ in range(count)]
    print(json.dumps([server.sockets[0].getsockname()[1] for server in servers]), flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), "".join(sys.argv[2:3])))
