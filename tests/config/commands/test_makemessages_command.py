"""`manage.py makemessages`: the Chinese catalogue and the texts of the code are the same."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command

PO = Path("zh_Hans/LC_MESSAGES/django.po")


@pytest.mark.skipif(not shutil.which("xgettext"), reason="There is no gettext.")
def test_the_catalogue_has_every_text_of_the_code_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue = (settings.BASE_DIR / "locale" / PO).read_text(encoding="utf-8")
    # The command writes into a folder `locale` of the tree that it reads: here into one beside links to ours.
    (tmp_path / "locale" / PO).parent.mkdir(parents=True)
    (tmp_path / "locale" / PO).write_text(catalogue, encoding="utf-8")
    for entry in settings.BASE_DIR.iterdir():
        if entry.is_dir() and entry.name not in ("locale", "var") and not entry.name.startswith("."):
            (tmp_path / entry.name).symlink_to(entry)
    monkeypatch.setattr(settings, "LOCALE_PATHS", [str(tmp_path / "locale")])
    monkeypatch.chdir(tmp_path)
    call_command("makemessages", locale=["zh_Hans"], symlinks=True, verbosity=0)
    assert texts((tmp_path / "locale" / PO).read_text(encoding="utf-8")) == texts(catalogue)


def texts(catalogue: str) -> set[str]:
    """The texts of a catalogue without the line breaks that gettext makes in them."""
    return {
        re.sub(r'"\n"', "", entry) for entry in re.findall(r'^msgid ((?:".*"\n)+)', catalogue, re.MULTILINE)
    }
