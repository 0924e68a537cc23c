"""The output files: right, or wrong as the prediction's faults ask."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from PIL import Image

from tests.loopback_upstream import error_bodies, malformed_answers, sample_outputs
from tests.loopback_upstream.faults import Fault
from tests.loopback_upstream.http_exchange import Exchange

if TYPE_CHECKING:
    from tests.loopback_upstream.app import Service
    from tests.loopback_upstream.jobs import Job

MIB = 1024 * 1024
_SAID = 2 * 1024 * MIB


async def serve(service: Service, exchange: Exchange) -> None:
    """`/out/JOB/NAME`."""
    _, _, job_id, name = [*exchange.path.split("/"), "", "", ""][:4]
    job = service.jobs.get(job_id)
    names = sample_outputs.names(job.model, job.input) if job else []
    if job is None or name not in names:
        await exchange.whole(404, {"content-type": "text/plain"}, b"no such file")
        return
    fault = None if "real" in exchange.query else job.strike(names.index(name), name)
    service.journal.note(
        "output",
        id=job_id,
        name=name,
        fault=str(fault) if fault else "",
        authorized=bool(exchange.authorization),
    )
    if fault is None or (fault.kind == "key" and exchange.token == job.token):
        await exchange.whole(200, {"content-type": sample_outputs.content_type(name)}, job.content(name))
    else:
        await _strange(exchange, job, name, fault)


async def _strange(exchange: Exchange, job: Job, name: str, fault: Fault) -> None:
    kind, typed = fault.kind, {"content-type": sample_outputs.content_type(name)}
    if kind in ("gone", "vanish"):
        await exchange.whole(
            404, {"content-type": "application/xml"}, b"<Error><Code>NoSuchKey</Code></Error>"
        )
    elif kind in ("403", "key"):
        await exchange.whole(*error_bodies.FORBIDDEN)
    elif kind == "500":
        await exchange.whole(*error_bodies.BROKEN)
    elif kind == "hang":
        await exchange.gone()
    elif kind == "html":
        await exchange.whole(200, typed, error_bodies.PAGE.encode())
    elif kind == "type":
        await exchange.whole(200, {"content-type": "image/png"}, _as_jpeg(job.content(name)))
    elif kind == "empty":
        await exchange.whole(200, typed, b"")
    elif kind == "bomb":
        await exchange.whole(200, {"content-type": "image/png"}, sample_outputs.trap())
    elif kind.startswith("redirect"):
        await _redirect(exchange, fault)
    else:
        await _by_length(exchange, typed, job.content(name), fault)


async def _redirect(exchange: Exchange, fault: Fault) -> None:
    to = {
        "redirect": f"{exchange.origin}{exchange.path}?real=1",
        "redirect-private": "http://10.0.0.1/out-0.png",
        "redirect-loop": f"{exchange.origin}{exchange.path}",
    }
    await exchange.whole(302, {"location": to[fault.kind]}, b"")


async def _by_length(exchange: Exchange, typed: dict[str, str], content: bytes, fault: Fault) -> None:
    kind = fault.kind
    if kind == "slow":
        await exchange.start(200, {**typed, "content-length": str(len(content))})
        await malformed_answers.dribble(exchange, content, fault.number(1.0))
    elif kind == "huge":
        await exchange.start(200, typed)
        for _ in range(int(fault.number(170))):
            await exchange.more(b"\x89" * MIB)
        await exchange.more(b"", last=True)
    else:
        said = {"short": len(content), "drop": len(content), "long": len(content) // 2, "huge-said": _SAID}[
            kind
        ]
        sent = content if kind == "long" else content[: len(content) // 2]
        head = f"HTTP/1.1 200 OK\r\ncontent-type: {typed['content-type']}\r\ncontent-length: {said}\r\n\r\n"
        await exchange.raw(head.encode() + sent)


def _as_jpeg(content: bytes) -> bytes:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(content)).convert("RGB").save(buffer, "JPEG")
    return buffer.getvalue()
