"""Server-sent events of one open page.

    hello        {"resumed": bool}; not resumed: news may have been missed, reload everything
    predictions  {"ids": [...]}: new, changed or ended
    items        {"ids": [...], "gone": [...]}: new or changed; those of them in the trash
    balance      {"shown": "12.4", "unit": "credits"}
    beat         keep-alive
    end          {"reason": "signed-out" | "session-over" | "full"}: the stream is over. After session-over connect
                 again, since the browser may have a new session (after a password change); after full, later

Event ids are cursors: a page that reconnects with one within a minute gets what it missed.
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
from gallery.live.channels import BALANCE, GONE, ITEMS, PREDICTIONS, Channel, Listener, PendingNews

KEEP_ALIVE_S = 12.0
LIFE_S = 600.0
"""A stream ends after this many seconds, ±10 %; the page reconnects and its session is checked again."""
RETRY_MS = 1000
ANNOUNCED_ENDS = ("signed-out", "session-over")
"""Reasons that are sent to the page; other ends look like a network failure."""


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
        async for part in _updates(reader, channel, listener, cursor, language, money):
            yield part
        if listener.over in ANNOUNCED_ENDS:
            yield _event("end", {"reason": listener.over})
    finally:
        reader.leave(listener)


async def _updates(
    reader: poller.Reader, channel: Channel, listener: Listener, cursor: str, language: str, money: bool
) -> AsyncIterator[bytes]:
    clock = listener.loop.time
    ends = clock() + LIFE_S * random.uniform(0.9, 1.1)  # noqa: S311 (spreads reconnects, guards nothing)
    with reader.reading():
        position, parts = opening_events(channel, cursor, language, money=money)
    yield f"retry: {RETRY_MS}\n\n".encode() + b"".join(_event(*part, channel.cursor) for part in parts)
    while not listener.over and clock() < ends:
        began = clock()
        await listener.wait(min(KEEP_ALIVE_S, ends - began))
        with reader.reading():
            news = channel.after(position)
            parts = to_events(channel, news, language, money=money)
        position = news.number
        if parts:
            yield b"".join(_event(*part, f"{channel.boot}-{position}") for part in parts)
        elif clock() - began >= KEEP_ALIVE_S:
            # An event and not a comment: scripts don't see comments, so they couldn't tell that the stream is
            # alive.
            yield _event("beat", {})


def opening_events(
    channel: Channel, cursor: str, language: str, *, money: bool = True
) -> tuple[int, list[tuple[str, dict[str, Any]]]]:
    """The position at which a page with this cursor starts, and its first events. The caller holds the lock."""
    position = channel.position(cursor)
    start = channel.beginning(time.monotonic()) if position is None else position
    news = channel.after(start)
    # The balance on the page may be old, so it is always sent where it is known.
    news = PendingNews(news.number, news.ids, balance=money and channel.balance is not None)
    hello: tuple[str, dict[str, Any]] = ("hello", {"resumed": position is not None})
    return news.number, [hello, *to_events(channel, news, language, money=money)]


def to_events(
    channel: Channel, news: PendingNews, language: str, *, money: bool = True
) -> list[tuple[str, dict[str, Any]]]:
    """The events for these news, in the reader's language."""
    parts: list[tuple[str, dict[str, Any]]] = []
    if news.ids.get(PREDICTIONS):
        parts.append((PREDICTIONS, {"ids": news.ids[PREDICTIONS]}))
    items, trashed = news.ids.get(ITEMS, []), news.ids.get(GONE, [])
    if items or trashed:
        parts.append((ITEMS, {"ids": [*items, *trashed], "gone": trashed}))
    if money and news.balance and channel.balance is not None:
        with translation.override(language):
            balance = {"shown": amounts.short(channel.balance), "unit": amounts.unit(channel.balance)}
        parts.append((BALANCE, balance))
    return parts


def _event(name: str, data: dict[str, Any], cursor: str = "") -> bytes:
    identity = f"id: {cursor}\n" if cursor else ""
    return f"event: {name}\n{identity}data: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
