"""Image inputs of all models: decoding of data URIs, and the log line that names the engine."""

from __future__ import annotations

from typing import Any, Final

from core import data_uri
from core.image_header import MAX_BYTES
from engine.images.decoder import MAX_SIDE, Decoded, decode
from engine.protocol.job_output import JobOutput, Refusal

PAINTER_DESCRIPTION: Final = "it draws from a word list"
"""Description of the painter: the end of a sentence in the log."""
MAX_TEXT: Final = 3 * MAX_BYTES + 1000
"""Characters of a data URI: percent escapes take three a byte, Base64 fewer."""


def picture(inputs: dict[str, Any], name: str, output: JobOutput, max_side: int = MAX_SIDE) -> Decoded:
    """The image in the data URI of input `name`, reduced to `max_side` pixels a side where it is larger;
    notes about what was dropped go to the log.

    Raises `Refusal` beginning with `Input NAME: `, also where the input is absent.
    """
    try:
        found = decode(_bytes(inputs.get(name)), max_side)
    except Refusal as refusal:
        raise Refusal(f"Input {name}: {_within_a_sentence(str(refusal))}") from None
    for note in found.notes:
        output.log(f"Input {name}: {_within_a_sentence(note)}")
    return found


def log_engine(
    output: JobOutput,
    version: str,
    *,
    name: str = "procedural painter",
    description: str = PAINTER_DESCRIPTION,
) -> None:
    """Log and record in the metrics which engine runs; the line follows the seed and precedes the first bar.

    `description` describes the model: the end of a sentence.
    """
    output.log(f"Embedded engine: {name} {version}. No neural network, no weights; {description}.")
    output.metric("engine", "procedural")
    output.metric("painter", version)


def _bytes(value: Any) -> bytes:
    if value is None or value == "":
        raise Refusal("A picture is required.")
    if not isinstance(value, str):
        raise Refusal("It must be a data URI.")
    if len(value) > MAX_TEXT:
        raise Refusal(f"The file is larger than {MAX_BYTES // 1024**2} MB; send a smaller picture instead.")
    try:
        return data_uri.parse(value)[1]
    except data_uri.NotADataUri as error:
        raise Refusal(f"{error}.") from None


def _within_a_sentence(text: str) -> str:
    """The sentence as continued after a colon, its first letter lower case; names such as HEIC keep their capitals."""
    return text[:1].lower() + text[1:] if text[1:2].islower() or text[1:2] == " " else text
