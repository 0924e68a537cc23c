"""What the address of a database says, and that of a mail server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from config import env


@pytest.mark.parametrize(
    ("query", "expected"),
    [("", 5), ("?prepare_threshold=off", None), ("?prepare_threshold=1&sslmode=require", 1)],
)
def test_postgresql_prepares_what_comes_again_unless_it_is_told_not_to(
    query: str, expected: int | None
) -> None:
    made: Any = env.database(f"postgres://darkroom@127.0.0.1/darkroom{query}", Path("unused"))

    assert made["OPTIONS"]["prepare_threshold"] == expected
    assert ("sslmode" in made["OPTIONS"]) is ("sslmode" in query)


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.org:25",
        "smtp:mail.example.org",
        "smtp+ssl://me:s3cret@mail.example.org",
        "smtp://a:x@b:port",
    ],
)
def test_mails_are_never_handed_to_this_machine_by_a_slip(url: str) -> None:
    with pytest.raises(env.SettingError, match="DARKROOM_EMAIL_URL must be smtp://") as refused:
        env.mail_server("DARKROOM_EMAIL_URL", url)
    assert "s3cret" not in str(refused.value)
    assert env.mail_server("DARKROOM_EMAIL_URL", "smtps://me:s3cret@mail.example.org").hostname


def test_a_word_that_is_none_of_a_few_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKROOM_EMAIL_VERIFICATION", "Mandatory")
    with pytest.raises(
        env.SettingError, match="DARKROOM_EMAIL_VERIFICATION must be one of mandatory, optional"
    ):
        env.choice("DARKROOM_EMAIL_VERIFICATION", "optional", ("mandatory", "optional", "none"))
