"""The server-sent events of one open page.

    hello        {"resumed": bool}; not resumed: news may have been missed, read everything again
    predictions  {"ids": [...]}: new, changed or ended
    items        {"ids": [...], "gone": [...]}: new or changed; of them in the trash
    balance      {"shown": "12.4", "unit": "credits"}
    beat         nothing happened; the stream is alive
    end          {"reason": "signed-out" | "session-over" | "full"}: no more; ask anew, since the browser may
                 have another session by now (after a change of the password); come back later

Ids are cursors: who comes back with one within a minute is told what it missed.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import AsyncIterator
from typing import Any

from django.utils import translation

from accounts.credits import amounts
from gallery.live import poller
from gallery.live.channels import BALANCE, GONE, ITEMS, PREDICTIONS, Channel, Listener, Told

KEEP_ALIVE_S = 12.0
LIFE_S = 600.0
"""A stream ends after so many seconds, more or less a tenth; the page comes back and is checked again."""
RETRY_MS = 1000
TOLD_WHY = ("signed-out", "session-over")
"""Ends that the page is told of; others are like a break of the network."""


async def events(
    account_id: int,
    user_id: int,
    session_key: str,
    mark: str,
    cursor: str,
    language: str,
    *,
    money: bool = True,
) -> AsyncIterator[bytes]:
    """The stream of one page, from `cursor` on where that is remembered. Ends by itself.

    `money`: whether this member sees the account's balance.
    """
    reader = poller.reader()
    opened = reader.open(account_id, user_id, session_key, mark, money=money)
    if opened is None:
        yield _event("end", {"reason": "full"})
        return
    channel, listener = opened
    try:
        async for part in _told(reader, channel, listener, cursor, language, money):
            yield part
        if listener.over in TOLD_WHY:
            yield _event("end", {"reason": listener.over})
    finally:
        reader.leave(listener)


async def _told(
    reader: poller.Reader, channel: Channel, listener: Listener, cursor: str, language: str, money: bool
) -> AsyncIterator[bytes]:
    clock = listener.loop.time
    ends = clock() + LIFE_S * random.uniform(0.9, 1.1)  # noqa: S311 (spreads the returns, guards nothing)
    with reader.reading():
        told, parts = begin(channel, cursor, language, money=money)
    yield f"retry: {RETRY_MS}\n\n".encode() + b"".join(_event(*part, channel.cursor) for part in parts)
    while not listener.over and clock() < ends:
        began = clock()
        await listener.wait(min(KEEP_ALIVE_S, ends - began))
        with reader.reading():
            news = channel.after(told)
            parts = shown(channel, news, language, money=money)
        told = news.number
        if parts:
            yield b"".join(_event(*part, f"{channel.boot}-{told}") for part in parts)
        elif clock() - began >= KEEP_ALIVE_S:
            # An event and no comment: pages see by it that the stream lives, which comments do not tell them.
            yield _event("beat", {})


def begin(
    channel: Channel, cursor: str, language: str, *, money: bool = True
) -> tuple[int, list[tuple[str, dict[str, Any]]]]:
    """Where somebody begins who gives this cursor, and what they are told first. The caller holds the channel."""
    position = channel.position(cursor)
    start = channel.beginning(time.monotonic()) if position is None else position
    news = channel.after(start)
    # The balance of a page may be old, so it is always told where it is known.
    news = Told(news.number, news.ids, balance=money and channel.balance is not None)
    hello: tuple[str, dict[str, Any]] = ("hello", {"resumed": position is not None})
    return news.number, [hello, *shown(channel, news, language, money=money)]


def shown(
    channel: Channel, news: Told, language: str, *, money: bool = True
) -> list[tuple[str, dict[str, Any]]]:
    """The events that tell it, in the reader's language."""
    parts: list[tuple[str, dict[str, Any]]] = []
    if news.ids.get(PREDICTIONS):
        parts.append((PREDICTIONS, {"ids": news.ids[PREDICTIONS]}))
    items, gone = news.ids.get(ITEMS, []), news.ids.get(GONE, [])
    if items or gone:
        parts.append((ITEMS, {"ids": [*items, *gone], "gone": gone}))
    if money and news.balance and channel.balance is not None:
        with translation.override(language):
            words = {"shown": amounts.short(channel.balance), "unit": amounts.unit(channel.balance)}
        parts.append((BALANCE, words))
    return parts


def _event(name: str, data: dict[str, Any], cursor: str = "") -> bytes:
    identity = f"id: {cursor}\n" if cursor else ""
    return f"event: {name}\n{identity}data: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
