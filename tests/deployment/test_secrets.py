"""A process whose secrets are not those of its database does not start, and says in a sentence what to do."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tests import prefab, preloaded
from tests.deployment.conftest import StartWeb
from tests.houses import House


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of an installation that was prepared once."""
    made = House(tmp_path_factory.mktemp("prepared") / "data")
    prefab.furnish(made.data)
    made.manage("prepare")
    return made.data


@pytest.fixture
def house(prepared: Path, tmp_path: Path) -> House:
    """A copy of it, which is not running."""
    shutil.copytree(prepared, tmp_path / "data")
    return House(tmp_path / "data")


def refusal(house: House, *words: str, **settings: str) -> str:
    """What a command says that must not run; empty where it ran."""
    house.env |= settings
    try:
        ended = preloaded.manage(words, house.env)
    finally:
        for name in settings:
            del house.env[name]
    assert "Traceback" not in ended.stderr
    return ended.stderr if ended.returncode else ""


# That every command looks, and what it finds, is in `tests/test_prepare.py`. One with pages, and one without.
@pytest.mark.parametrize(
    ("setting", "words"),
    [("DARKROOM_SECRET_KEY", ("web", "--port", "1")), ("DARKROOM_KEYS", ("token", "admin"))],
)
def test_a_start_with_another_secret_stops(house: House, setting: str, words: tuple[str, ...]) -> None:
    said = refusal(house, *words, **{setting: Fernet.generate_key().decode()})
    assert f"{setting}: this database was made with other values than this process has." in said
    assert "manage.py keys accept" in said


def test_a_new_secret_fits_beside_the_old_one(house: House) -> None:
    old, new = (house.data / "secret_key").read_text(), "n" * 50
    assert refusal(house, "token", "admin", DARKROOM_SECRET_KEY=new, DARKROOM_SECRET_KEY_FALLBACKS=old) == ""


def test_secrets_that_are_lost_are_replaced_by_a_command(house: House) -> None:
    (house.data / "secret_key").unlink()
    assert refusal(house, "token", "admin")
    assert house.manage("keys", "accept").returncode == 0
    assert refusal(house, "token", "admin") == ""


def test_a_database_that_is_away_does_not_keep_a_web_process_from_starting(start_web: StartWeb) -> None:
    web = start_web(DARKROOM_DATABASE_URL="postgres://nobody@127.0.0.1:1/none").listens()
    answer = web.get("/readyz")
    assert (answer.status_code, answer.json()["part"]) == (503, "database")
