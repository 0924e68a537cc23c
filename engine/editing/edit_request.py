"""Interpretation of a prompt for image to image: whether it changes colours, adds things or names only a style."""

from __future__ import annotations

from dataclasses import dataclass

from engine import painting
from engine.painting.prompt.tokenizer import tokenize

_THINGS = frozenset({"scene", "feature", "subject", "time", "weather", "sky"})
_PEOPLE = frozenset({"subject:bust", "subject:person"})
"""A named person is taken to be the one in the image, and is not replaced by a clay bust."""


@dataclass(frozen=True)
class EditRequest:
    """The effects of a prompt on an input image, and the prompt for the painting that provides colours and scenery."""

    negative_prompt: str
    style: str
    recolours: bool
    """Whether the prompt names colours, light or things."""
    shows: bool
    """Whether it names things that may appear in the image."""
    known: bool
    """Whether any word is known."""


def parse_edit_request(prompt: str, negative_prompt: str) -> EditRequest:
    """Interpret a prompt for image to image."""
    parsed = painting.parse_prompt(prompt, negative_prompt)
    kinds: set[str] = set()
    left_out = [negative_prompt, parsed.style]
    for word in tokenize(prompt):
        if word.text not in parsed.known:
            continue
        if _PEOPLE & set(word.meanings):
            left_out.append(word.text)
            continue
        kinds |= {meaning.partition(":")[0] for meaning in word.meanings}
    shows = bool(kinds & _THINGS)
    return EditRequest(
        negative_prompt=", ".join(text for text in left_out if text),
        style=parsed.style,
        recolours=shows or "colour" in kinds,
        shows=shows,
        known=bool(parsed.known),
    )
