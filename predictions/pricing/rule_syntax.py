"""Text syntax of price rules: one a line, amounts in credits.

    num_inference_steps above 30: factor 1.5
    quality is hd: add 0.4
    size in 2K, 4K: set 2
    width above 1024 each 256: add 0.05

A value is a number, `true`, `false`, or a text; a text that looks like one of the others, or contains a comma, is
written in double quotes. Empty lines are ignored.
"""

from __future__ import annotations

import json
import re
from typing import Any

from django.utils.translation import gettext as _

from accounts.credits import amounts
from predictions.pricing.price_rules import MOST, BadRules, parse, parse_one, too_many

LONGEST = 20_000
"""Characters of a text of rules."""
_LINE = re.compile(r"(?P<condition>.+):\s*(?P<effect>factor|add|set)\s+(?P<amount>\S+)")
_NAME = re.compile(r"\S{1,100}")
_WORDS = re.compile(r"\s+(is|in|above|below|each)\s+")
# An unclosed quote extends to the end: otherwise a text full of them would be scanned again from each.
_QUOTED_OR_WORD = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?$)|' + _WORDS.pattern)
_ITEM = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[^,"]+)\s*(?:,|$)')


def read(text: str) -> list[dict[str, Any]]:
    """Parse the rules of a text. Raises BadRules, which names the line."""
    if len(text) > LONGEST:
        message = _("The rules have at most %(most)s characters.")
        raise BadRules(message % {"most": f"{LONGEST:,}"})
    rules = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            where = _("Line %(number)s") % {"number": number}
            rules.append(_read_one(line.strip(), where))
            if len(rules) > MOST:
                raise too_many()
            parse_one(rules[-1], where)
    return rules


def write(rules: Any) -> str:
    """The text of a row's rules; what cannot be expressed stays JSON."""
    if not isinstance(rules, list):
        return json.dumps(rules, ensure_ascii=False)
    return "\n".join(write_one(rule) for rule in rules)


def write_one(rule: Any) -> str:
    """One rule as a line."""
    try:
        parse([rule])
    except BadRules:
        return json.dumps(rule, ensure_ascii=False)
    parts = [str(rule["input"])]
    if "is" in rule:
        parts.append(f"is {_value(rule['is'])}")
    if "in" in rule:
        parts.append(f"in {', '.join(map(_value, rule['in']))}")
    parts += [f"{word} {rule[word]}" for word in ("above", "below", "each") if word in rule]
    effect = next(word for word in ("factor", "add", "set") if word in rule)
    amount = rule[effect] if effect == "factor" else amounts.decimal_text(rule[effect])
    return f"{' '.join(parts)}: {effect} {amount}"


def _read_one(line: str, where: str) -> dict[str, Any]:
    match = _LINE.fullmatch(line)
    if match is None:
        raise BadRules.at(where, _("a rule ends in “: factor 1.5”, “: add 0.5” or “: set 2”."))
    name, *rest = _parts(match["condition"].strip())
    if not _NAME.fullmatch(name):
        message = _("it begins with the name of an input, then is, in, above, below or each.")
        raise BadRules.at(where, message)
    rule: dict[str, Any] = {"input": name}
    for word, raw in zip(rest[::2], rest[1::2], strict=True):
        if word in rule:
            raise BadRules.at(where, _("“%(word)s” stands there twice.") % {"word": word})
        rule[word] = _items(raw, where) if word == "in" else _read_value(raw.strip())
    effect = match["effect"]
    rule[effect] = match["amount"] if effect == "factor" else _micro(match["amount"], where)
    return rule


def _parts(condition: str) -> list[str]:
    """The name, then each keyword with what follows it; keywords inside quotes do not count."""
    parts, begin = [], 0
    for match in _QUOTED_OR_WORD.finditer(condition):
        if match[1]:
            parts += [condition[begin : match.start()], match[1]]
            begin = match.end()
    return [*parts, condition[begin:]]


def _micro(text: str, where: str) -> int:
    try:
        return amounts.parse(text.replace("\u2212", "-"))
    except amounts.NotAnAmount as error:
        raise BadRules.at(where, str(error)) from None


def _items(raw: str, where: str) -> list[Any]:
    values, place = [], 0
    while place < len(raw):
        match = _ITEM.match(raw, place)
        if match is None:
            raise BadRules.at(where, _("the values after “in” stand apart by commas."))
        values.append(_read_value(match[1].strip()))
        place = match.end()
    return values


def _read_value(text: str) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, str | int | float | bool) else text


def _value(value: Any) -> str:
    """A value written so that it is read back as itself."""
    if not isinstance(value, str):
        return json.dumps(value)
    plain = (
        value == value.strip()
        and value
        and not re.search(r'[,":\n\r]', value)
        and not _WORDS.search(f" {value} ")
    )
    return (
        value
        if plain and _read_value(value) == value and isinstance(_read_value(value), str)
        else json.dumps(value, ensure_ascii=False)
    )
