"""The XMP packet of an item's file: model, time, author, licence; prompt and settings only where shown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC
from xml.sax.saxutils import escape

from gallery.models import Item
from predictions.api_dialects.common import status_extras
from predictions.models import Prediction

IPTC_SOURCES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
NAMESPACE = "urn:darkroom:item:1/"
LICENCE_PAGES = {
    "CC0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "CC-BY-4.0": "https://creativecommons.org/licenses/by/4.0/",
    "CC-BY-SA-4.0": "https://creativecommons.org/licenses/by-sa/4.0/",
    "CC-BY-NC-4.0": "https://creativecommons.org/licenses/by-nc/4.0/",
}
LONGEST = 12_000
"""Characters of a prompt or of settings in a file."""
# Not representable in XML 1.0, not even escaped.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_HEAD = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:xmpRights="http://ns.adobe.com/xap/1.0/rights/" xmlns:darkroom="{namespace}">
"""
_FOOT = '</rdf:Description></rdf:RDF></x:xmpmeta>\n<?xpacket end="r"?>'


def packet_of(item: Item, *, show_prompt: bool) -> bytes:
    """The packet in UTF-8, at most about 55 KB. `show_prompt`: whether prompt, seed and settings are included."""
    lines = [_line(name, value) for name, value in _values(item, show_prompt=show_prompt) if value]
    head = _HEAD.replace("{namespace}", NAMESPACE)
    return (head + "".join(lines) + _FOOT).encode()


def source_of(prediction: Prediction) -> str:
    """The IPTC term for its origin; distinguishes trained models from the engine's plain algorithms."""
    return _source(prediction, status_extras.provider(prediction) or "")


def maker_of(prediction: Prediction) -> str:
    """Engine or upstream, by the name that members see."""
    return _maker(status_extras.provider(prediction) or "")


def _source(prediction: Prediction, provider: str) -> str:
    has_images = any(
        isinstance(value, str) and value.startswith(("data:", "http://", "https://"))
        for value in prediction.input.values()
    )
    if provider == "embedded":
        return "algorithmicallyEnhanced" if has_images else "algorithmicMedia"
    return "compositeWithTrainedAlgorithmicMedia" if has_images else "trainedAlgorithmicMedia"


def _maker(provider: str) -> str:
    return "Darkroom embedded engine" if provider == "embedded" else provider


def _values(item: Item, *, show_prompt: bool) -> Iterator[tuple[str, str]]:
    prediction = item.output.prediction
    made_at = (prediction.completed_at or item.created_at).astimezone(UTC)
    provider = status_extras.provider(prediction) or ""
    maker = _maker(provider)
    yield "Iptc4xmpExt:DigitalSourceType", IPTC_SOURCES + _source(prediction, provider)
    yield "xmp:CreatorTool", f"Darkroom, {maker}" if maker else "Darkroom"
    yield "xmp:CreateDate", made_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    yield "dc:title", item.title
    yield "dc:creator", item.user.shown_name
    if item.licence:
        yield "dc:rights", item.get_licence_display()
        yield "xmpRights:WebStatement", LICENCE_PAGES[item.licence]
    yield "darkroom:model", item.model.ref
    yield "darkroom:version", prediction.version_id
    yield "darkroom:provider", maker
    if show_prompt and not prediction.data_removed:
        seed = prediction.seed()
        yield "dc:description", item.prompt[:LONGEST]
        yield "darkroom:seed", "" if seed is None else str(seed)
        yield "darkroom:settings", json.dumps(prediction.settings(), ensure_ascii=False)[:LONGEST]


# Properties that hold a list, or a text in several languages.
_HOLDERS = {"dc:title": "Alt", "dc:description": "Alt", "dc:rights": "Alt", "dc:creator": "Seq"}


def _line(name: str, value: str) -> str:
    text = escape(_NOT_XML.sub("", value))
    holder = _HOLDERS.get(name)
    if holder:
        language = ' xml:lang="x-default"' if holder == "Alt" else ""
        text = f"<rdf:{holder}><rdf:li{language}>{text}</rdf:li></rdf:{holder}>"
    return f"<{name}>{text}</{name}>\n"
