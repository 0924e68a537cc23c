"""Strict serializer fields for bodies and queries under `/api/`: each takes its own type and nothing that resembles it.

Django REST framework's own would read `5` as a text and `"yes"` as a flag: a frontend's mistake would pass unseen.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.core.validators import ProhibitNullCharactersValidator, RegexValidator
from rest_framework import serializers

from core.timezones import is_valid_day


class Text(serializers.CharField):
    """A JSON string; kept as it is, blanks included."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"trim_whitespace": False, **options})
        # The base class refuses it too, but says nothing of it in the description.
        self.validators = [
            validator
            for validator in self.validators
            if not isinstance(validator, ProhibitNullCharactersValidator)
        ]
        self.validators.append(RegexValidator(r"^[^\x00]*$", ProhibitNullCharactersValidator.message))

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class BlankText(Text):
    """A JSON string that may be empty, and is where it is left out. For filters: with a NUL it matches nothing.

    A pattern that forbids NUL would be described as a choice, of which an empty string is both.
    """

    def __init__(self, *, max_length: int, **options: Any) -> None:
        super().__init__(**{"allow_blank": True, "default": "", "max_length": max_length, **options})
        self.validators = [
            validator for validator in self.validators if not isinstance(validator, RegexValidator)
        ]

    def to_internal_value(self, data: Any) -> str:
        return super().to_internal_value(data).replace("\x00", "\ufffd")


class BoundedListField(serializers.ListField):
    """A JSON list whose length is looked at before anything in it.

    The base class goes through all of a list, and keeps a fault for each thing in it, before it says that there are too
    many.
    """

    def __init__(self, *, max_length: int, **options: Any) -> None:
        super().__init__(max_length=max_length, **options)
        self._most = max_length

    def to_internal_value(self, data: Any) -> list[Any]:
        if isinstance(data, list) and len(data) > self._most:
            self.fail("max_length", max_length=self._most)
        found: list[Any] = super().to_internal_value(data)
        return found


class ObjectField(serializers.DictField):
    """A JSON object as it is; what is in it is for whoever knows its schema to look at."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            self.fail("not_a_dict", input_type=type(data).__name__)
        return data


class Flag(serializers.BooleanField):
    """`true` or `false` of JSON."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class QueryFlag(serializers.BooleanField):
    """The words `true` and `false`."""

    def to_internal_value(self, data: Any) -> bool:
        if data not in ("true", "false"):
            self.fail("invalid", input=data)
        return bool(data == "true")


class Moment(serializers.DateTimeField):
    """An RFC 3339 time with its offset, of a year that every part of the server can work with."""

    def to_internal_value(self, value: Any) -> datetime:
        # A plus sign that a caller did not encode arrives as a blank.
        text = value.replace(" ", "+") if isinstance(value, str) else value
        if not isinstance(text, str) or "T" not in text.upper():
            self.fail("invalid", format="2026-01-31T12:00:00Z")
        found: datetime = super().to_internal_value(text)
        if not is_valid_day(found) or (not text.upper().endswith("Z") and text[-6:-5] not in {"+", "-"}):
            self.fail("invalid", format="2026-01-31T12:00:00Z")
        return found


class Day(serializers.DateField):
    """A day such as 2026-01-31, of a year that every part of the server can work with."""

    def to_internal_value(self, value: Any) -> date:
        found: date = super().to_internal_value(value)
        if not is_valid_day(found):
            self.fail("invalid", format="2026-01-31")
        return found


BAD_CURSOR = "This is no cursor that was given out."


class Listed(serializers.Serializer[Any]):
    """What every list takes: how many, and where to go on."""

    cursor = Text(
        required=False,
        max_length=200,
        help_text="As given in `next`.",
        error_messages={"blank": BAD_CURSOR, "max_length": BAD_CURSOR},
    )
    limit = serializers.IntegerField(
        default=50, min_value=1, max_value=200, help_text="Rows in a page, 1 to 200; 50 unless told."
    )
