"""Answers that are wrong in themselves: cut, endless, too large, too deep, of the wrong type, or no HTTP at all."""

from __future__ import annotations

import gzip
import json
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any

from tests.loopback_upstream import error_bodies
from tests.loopback_upstream.faults import Fault
from tests.loopback_upstream.http_exchange import Exchange

MIB = 1024 * 1024
PIECES = 10
SNAIL_S = 0.05
_JSON = {"content-type": "application/json"}


async def give(exchange: Exchange, fault: Fault, status: int, right: dict[str, Any]) -> None:
    """Answer as the fault asks; `status` and `right` are what the answer should have been."""
    refusal = error_bodies.refusal(fault.kind, fault.argument, exchange.authorization)
    if refusal is not None:
        await exchange.whole(*refusal)
    elif fault.kind in _TRICKS:
        await _TRICKS[fault.kind](exchange, fault, status, right)
    else:
        made = _body(fault.kind, right)
        await exchange.whole(status, _JSON, made)


def is_refusal(fault: Fault) -> bool:
    """Whether the request is not taken: a status of 400 and more, or a connection that is cut before."""
    if fault.kind in ("drop", "hang", "redirect"):
        return True
    refusal = error_bodies.refusal(fault.kind, "", "")
    return refusal is not None


def _body(kind: str, right: dict[str, Any]) -> bytes:
    """The whole body of a fault that is only strange JSON."""
    whole = json.dumps(right)
    made: dict[str, bytes] = {
        "thin": json.dumps({name: right.get(name) for name in ("id", "status")}).encode(),
        "empty": b"",
        "nul": json.dumps({**right, "logs": "a\x00b", "error": "c\x00d", "status": "suc\x00ceeded"}).encode(),
        "types": json.dumps(_wrong_types()).encode(),
        "list": json.dumps([right]).encode(),
        "string": json.dumps("succeeded").encode(),
        "null": b"null",
        "utf8": whole.encode()[:-1] + b', "logs": "\xff\xfe\xc3\x28"}',
        "nan": whole[:-1].encode() + b', "metrics": {"predict_time": NaN, "total_time": -Infinity}}',
        "bigint": whole[:-1].encode() + b', "metrics": {"predict_time": ' + b"9" * 100_000 + b"}}",
        "surrogate": whole[:-1].encode() + b', "logs": "half \\ud83d a pair", "error": "\\udfff"}',
        "deep": b'{"id": "deep", "status": "processing", "output": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        "laughs": b'{"id": "laughs", "status": "processing", "output": ' + _laughs() + b"}",
        "no-id": json.dumps({name: value for name, value in right.items() if name != "id"}).encode(),
    }
    return made[kind]


def _wrong_types() -> dict[str, Any]:
    return {
        "id": ["a", "list"],
        "status": {"now": "succeeded"},
        "output": 42,
        "logs": {"line": 1},
        "error": [None],
        "urls": "nowhere",
        "metrics": [1, 2, 3],
        "input": None,
        "created_at": -1,
    }


@lru_cache(maxsize=1)
def _laughs() -> bytes:
    return b"[" + b",".join([b"[[[[[[[[]]]]]]]]"] * 100_000) + b"]"


# -- what needs the connection -------------------------------------------------------------------------------
Trick = Callable[[Exchange, Fault, int, dict[str, Any]], Awaitable[None]]


async def _drop(exchange: Exchange, fault: Fault, status: int, right: dict[str, Any]) -> None:
    await exchange.cut()


async def _hang(exchange: Exchange, fault: Fault, status: int, right: dict[str, Any]) -> None:
    await exchange.gone()


async def _slow(exchange: Exchange, fault: Fault, status: int, right: dict[str, Any]) -> None:
    body = json.dumps(right).encode()
    await exchange.start(status, {**_JSON, "content-length": str(len(body))})
    await dribble(exchange, body, fault.number(1.0))


async def dribble(exchange: Exchange, body: bytes, seconds: float) -> None:
    """The body in ten pieces over so many seconds."""
    step = max(1, -(-len(body) // PIECES))
    for at in range(0, len(body), step):
        if await exchange.gone(seconds / PIECES):
            return
        await exchange.more(body[at : at + step], last=at + step >= len(body))


async def _snail(exchange: Exchange, fault: Fault, status: int, right: dict[str, Any]) -> None:
    await exchange.start(status, _JSON)
    await exchange.more(b'{"id": "')
    while not await exchange.gone(SNAIL_S):
        await exchange.more(b"x")


async def _html(exchange: Exchange, fault: Fault, status: int, right: dict[str, Any]) -> None:
    await exchange.whole(200, {"content-type": "text/html; charset=utf-8"}, error_bodies.PAGE.encode())


async def _huge(exchange: Exchange, fault: Fault, status: int, right: dict[str, Any]) -> None:
    await exchange.start(status, _JSON)
    await exchange.more(json.dumps(right)[:-1].encode() + b', "more": "')
    for _ in range(int(fault.number(100))):
        await exchange.more(b"x" * MIB)
    await exchange.more(b'"}', last=True)


async def _bomb(exchange: Exchange, fault: Fault, status: int, right: dict[str, Any]) -> None:
    await exchange.whole(status, {**_JSON, "content-encoding": "gzip"}, _packed())


@lru_cache(maxsize=1)
def _packed() -> bytes:
    """Half a megabyte of gzip that becomes 512 MiB: many equal members, one after the other."""
    member = gzip.compress(b" " * (16 * MIB), compresslevel=9)
    return member * 32


async def _redirect(exchange: Exchange, fault: Fault, status: int, right: dict[str, Any]) -> None:
    await exchange.whole(307, {"location": fault.argument or f"{exchange.origin}/elsewhere"}, b"")


async def _short(exchange: Exchange, fault: Fault, status: int, right: dict[str, Any]) -> None:
    body = json.dumps(right).encode()
    head = f"HTTP/1.1 {status} OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    await exchange.raw(head.encode() + body[: len(body) // 2])


async def _garbage(exchange: Exchange, fault: Fault, status: int, right: dict[str, Any]) -> None:
    await exchange.raw(b"\x16\x03\x01 220 mail.example.org ESMTP\r\n" + bytes(range(256)))


async def _cookie(exchange: Exchange, fault: Fault, status: int, right: dict[str, Any]) -> None:
    sent = {**_JSON, "set-cookie": "session=planted; Path=/; Max-Age=3600"}
    await exchange.whole(status, sent, json.dumps(right).encode())


_TRICKS: dict[str, Trick] = {
    "drop": _drop, "hang": _hang, "slow": _slow, "snail": _snail, "html": _html, "huge": _huge, "bomb": _bomb,
    "redirect": _redirect, "short": _short, "garbage": _garbage, "cookie": _cookie,
}  # fmt: skip
