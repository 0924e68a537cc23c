"""Dropping tracebacks of exceptions that are kept as values, with the frames and bodies that they hold.

A traceback holds every frame that its exception left, with its local variables, such as a body of 60 MiB. Where one of
them holds the exception again, all of it waits for the cycle collector, which runs far more seldom from Python 3.13 on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

E = TypeVar("E", bound=BaseException)


def drop(error: E) -> E:
    """The same exception with no traceback, neither its own nor those of what it came from."""
    for linked in chain(error):
        linked.__traceback__ = None
    return error


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception, its causes and contexts, and the members of groups; each once."""
    seen: set[int] = set()
    todo = [error]
    while todo:
        current = todo.pop(0)
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        todo += [current.__cause__, current.__context__, *getattr(current, "exceptions", ())]
