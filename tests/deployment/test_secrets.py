"""A process whose secrets are not those of its database does not start, and says in a sentence what to do."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tests.deployment.conftest import StartWeb
from tests.servers import django_fork_server, installation_template
from tests.servers.installations import Installation


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of an installation that was prepared once."""
    made = Installation(tmp_path_factory.mktemp("prepared") / "data")
    installation_template.prepare_data(made.data)
    made.manage("prepare")
    return made.data


@pytest.fixture
def installation(prepared: Path, tmp_path: Path) -> Installation:
    """A copy of it, which is not running."""
    shutil.copytree(prepared, tmp_path / "data")
    return Installation(tmp_path / "data")


def refusal(installation: Installation, *words: str, **settings: str) -> str:
    """What a command says that must not run; empty where it ran."""
    installation.env |= settings
    try:
        ended = django_fork_server.manage(words, installation.env)
    finally:
        for name in settings:
            del installation.env[name]
    assert "Traceback" not in ended.stderr
    return ended.stderr if ended.returncode else ""


# That every command looks, and what it finds, is in `tests/config/commands/test_prepare_command.py`. One with pages,
# and one without.
@pytest.mark.parametrize(
    ("setting", "words"),
    [("DARKROOM_SECRET_KEY", ("web", "--port", "1")), ("DARKROOM_KEYS", ("token", "admin"))],
)
def test_a_start_with_another_secret_stops(
    installation: Installation, setting: str, words: tuple[str, ...]
) -> None:
    said = refusal(installation, *words, **{setting: Fernet.generate_key().decode()})
    assert f"{setting}: this database was made with other values than this process has." in said
    assert "manage.py keys accept" in said


def test_a_new_secret_fits_beside_the_old_one(installation: Installation) -> None:
    old, new = (installation.data / "secret_key").read_text(), "n" * 50
    assert (
        refusal(installation, "token", "admin", DARKROOM_SECRET_KEY=new, DARKROOM_SECRET_KEY_FALLBACKS=old)
        == ""
    )


def test_secrets_that_are_lost_are_replaced_by_a_command(installation: Installation) -> None:
    (installation.data / "secret_key").unlink()
    assert refusal(installation, "token", "admin")
    assert installation.manage("keys", "accept").returncode == 0
    assert refusal(installation, "token", "admin") == ""


def test_a_database_that_is_away_does_not_keep_a_web_process_from_starting(start_web: StartWeb) -> None:
    web = start_web(DARKROOM_DATABASE_URL="postgres://nobody@127.0.0.1:1/none").listens()
    answer = web.get("/readyz")
    assert (answer.status_code, answer.json()["part"]) == (503, "database")
