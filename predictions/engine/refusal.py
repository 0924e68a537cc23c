"""The one exception whose text a member reads."""

from __future__ import annotations


class Refusal(Exception):
    """The work cannot be done as asked. The text is one plain sentence: the prediction's `error`."""
