"""A service that spends next to nothing on an answer: `python -m benchmarks.parts.upstream --port N`.

It speaks Replicate's dialect and OpenAI's images. Every create is answered at once with a finished picture, which lies
under `/out/`; `GET /v1/predictions/ID` is a job that never ends, and when each was asked for is remembered:
`GET /_lags?cap=SECONDS` says how much later than that after the look before each look came, and forgets it.
"""

from __future__ import annotations

import argparse
import base64
import io
import itertools
import json
import random
import time
from typing import Any
from urllib.parse import parse_qs

from benchmarks.parts.controls import Scope, answer

SIDE = 512
PREDICTIONS = "/v1/predictions"
_LOGS = "Using seed: 1\n" + "".join(f"{step:3d}% of the picture\n" for step in range(0, 50, 5))


def picture(side: int = SIDE) -> bytes:
    """A PNG of soft hills with some grain, about as large as a small generated picture: 150 to 250 KiB."""
    from PIL import Image

    dice = random.Random(1)
    small = Image.new("RGB", (16, 16))
    small.putdata([(dice.randrange(256), dice.randrange(256), dice.randrange(256)) for _ in range(256)])
    soft = small.resize((side, side), Image.Resampling.BICUBIC)
    grain = Image.effect_noise((side, side), 6).convert("RGB")
    file = io.BytesIO()
    Image.blend(soft, grain, 0.1).save(file, "PNG")
    return file.getvalue()


class Lags:
    """When each job was asked for last, and the seconds between two looks at the same."""

    def __init__(self) -> None:
        self._last: dict[str, float] = {}
        self._between: list[float] = []

    def note(self, job: str) -> None:
        """It is asked for now."""
        now = time.monotonic()
        before = self._last.get(job)
        self._last[job] = now
        if before is not None:
            self._between.append(now - before)

    def report(self, cap: float) -> dict[str, Any]:
        """Looks since the last telling, jobs seen ever, and percentiles of the seconds beyond `cap`."""
        lags = sorted(between - cap for between in self._between)
        self._between = []
        places = {"p01": 0.01, "p50": 0.5, "p99": 0.99, "most": 1.0}
        shares = {name: lags[int((len(lags) - 1) * share)] for name, share in places.items()} if lags else {}
        return {"looks": len(lags), "jobs": len(self._last), **shares}


class Service:
    """The ASGI application."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._picture = picture()
        self._inline = base64.b64encode(self._picture).decode()
        self._lags = Lags()
        self._numbers = itertools.count(1)

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        if scope["method"] == "GET":
            await self._read(scope, path, send)
            return
        asked = json.loads(await _body(receive) or b"{}")
        if path.endswith("/images/generations"):
            await answer(send, _json(self._images(asked)))
        elif path.endswith("/predictions"):
            await answer(send, _json(self._finished()), status=201)
        else:
            await answer(send, b"{}", status=404)

    async def _read(self, scope: Scope, path: str, send: Any) -> None:
        if path.startswith(PREDICTIONS + "/"):
            job = path.removeprefix(PREDICTIONS + "/")
            self._lags.note(job)
            await answer(send, _json(self._prediction(job, "processing")))
        elif path.startswith("/out/"):
            await answer(send, self._picture, b"image/png")
        elif path == "/_lags":
            cap = float(parse_qs(scope["query_string"].decode())["cap"][0])
            await answer(send, _json(self._lags.report(cap)))
        else:
            await answer(send, b"{}", status=404)

    def _images(self, asked: dict[str, Any]) -> dict[str, Any]:
        form = (
            {"b64_json": self._inline} if asked.get("response_format") == "b64_json" else {"url": self._new()}
        )
        return {"created": int(time.time()), "data": [form]}

    def _finished(self) -> dict[str, Any]:
        made = self._prediction(f"job{next(self._numbers):023d}", "succeeded")
        return {**made, "output": [self._new()], "metrics": {"predict_time": 0.01}}

    def _new(self) -> str:
        return f"{self._origin}/out/{next(self._numbers)}.png"

    def _prediction(self, job: str, status: str) -> dict[str, Any]:
        where = f"{self._origin}{PREDICTIONS}/{job}"
        return {
            "id": job,
            "model": "stability-ai/stable-diffusion",
            "version": "hidden",
            "input": {"prompt": "an astronaut riding a horse on mars, hd, dramatic lighting"},
            "logs": _LOGS,
            "output": None,
            "error": None,
            "status": status,
            "created_at": "2026-01-01T00:00:00.000000Z",
            "urls": {"get": where, "cancel": f"{where}/cancel"},
        }


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


async def _body(receive: Any) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def main() -> None:
    import uvicorn

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    service = Service(f"http://127.0.0.1:{given.port}")
    uvicorn.run(
        service, host="127.0.0.1", port=given.port, log_level="warning", access_log=False, lifespan="off"
    )


if __name__ == "__main__":
    main()
