"""The painter's lexicon: the meanings of every known word, from the word lists.

Each key is one or more meanings, `kind:value`, separated by blanks; the value lists the words that carry them.
An underscore represents the blank inside a phrase. Kinds: scene, feature (of a scene), subject, time, weather,
sky (things in the sky), style, colour, close (a face or portrait), ride, part (a noun that takes a colour word
and is not painted by it).
"""

from __future__ import annotations

from engine.painting.prompt.chinese import CHINESE, CHINESE_IDLE, SIMPLIFIED
from engine.painting.prompt.english import ENGLISH

__all__ = [
    "CHINESE",
    "CHINESE_IDLE",
    "CHINESE_STOP",
    "COLOURS",
    "ENGLISH",
    "LINKS",
    "SIMPLIFIED",
    "STOPWORDS",
]

# Words without visual meaning that are never reported as unknown.
STOPWORDS = frozenset(
    """a an the of on in at over under with without and or by to for from into near behind beside beneath above below
    between through across around its it is are was be being as that this these those there his her their my our your
    one two three some many few very so up down out off against along inside outside while where which who has have
    i s t four five several pair couple group""".split()  # noqa: SIM905
)
LINKS = frozenset(
    {"is", "are", "in", "painted", "was", "是", "为", "呈"}
)  # "a car in red": a colour after these refers to the noun before
CHINESE_STOP = (
    "的了在一二三四五双对只个座条片朵匹辆艘棵群上下里中和与是着有两几位名幅张间栋架头轮地得之边旁前后外内一些这那"
    "时杯壶盏盘束株颗粒位尊座幢所列艘支枝把顶扇排行丛滴抹场块堆尾口头枚套幕处方央正也都就很非常最更又还为呈有没无被从到向往其它他她它们我你此每各"
)

COLOURS: dict[str, tuple[float, float, float]] = {
    "red": (0.84, 0.10, 0.11),
    "orange": (0.94, 0.47, 0.08),
    "yellow": (0.96, 0.83, 0.15),
    "gold": (0.85, 0.63, 0.14),
    "green": (0.16, 0.60, 0.20),
    "olive": (0.45, 0.46, 0.18),
    "teal": (0.08, 0.55, 0.54),
    "cyan": (0.12, 0.70, 0.88),
    "blue": (0.12, 0.28, 0.84),
    "navy": (0.10, 0.14, 0.45),
    "purple": (0.48, 0.16, 0.66),
    "violet": (0.60, 0.44, 0.86),
    "magenta": (0.86, 0.14, 0.62),
    "pink": (0.96, 0.52, 0.68),
    "brown": (0.45, 0.27, 0.14),
    "beige": (0.87, 0.79, 0.64),
    "white": (0.95, 0.95, 0.94),
    "grey": (0.52, 0.53, 0.55),
    "black": (0.07, 0.07, 0.08),
}
"""sRGB 0..1 of every plain colour word; `rainbow` and `vivid` mean many hues at once."""
