"""`manage.py makemessages`: Django's own, which also extracts the texts of the shipped models from their JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.commands import makemessages

from predictions.catalogue import shipped_models


class ModelFile(makemessages.BuildFile):
    """A file to extract from; the JSON of a shipped model is converted to Python, which xgettext reads."""

    def preprocess(self) -> None:
        """Write the converted copy, where there is to be one."""
        if is_model(self.translatable):
            Path(self.work_path).write_text(as_python(Path(self.path)), encoding="utf-8")
        else:
            super().preprocess()


def is_model(file: makemessages.TranslatableFile) -> bool:
    """Whether it is the JSON of a shipped model."""
    return str(file.file).endswith(".json") and Path(file.dirpath).resolve() == shipped_models.DATA


def as_python(path: Path) -> str:
    """The texts of one model's JSON, each in a call that xgettext knows."""
    texts = shipped_models.translatable(json.loads(path.read_text(encoding="utf-8")))
    return "".join(f"gettext_noop({text!r})\n" for text in texts)


class Command(makemessages.Command):
    build_file_class = ModelFile

    def handle(self, *args: Any, **options: Any) -> None:
        # No guesses: a text without its own translation stays empty, and a test names it.
        self.msgmerge_options = ["--no-fuzzy-matching", *self.msgmerge_options]
        options["no_location"] = options["no_obsolete"] = True
        options["ignore_patterns"] = [*options["ignore_patterns"], "var"]
        if options["domain"] == "django" and not options["extensions"]:
            options["extensions"] = ["html", "txt", "py", "json"]
        super().handle(*args, **options)

    def find_files(self, root: str) -> list[makemessages.TranslatableFile]:
        """The files of the tree that may hold texts, sorted; of all JSON only that of the shipped models.

        The catalogue lists texts in the order of their files, and the file system's differs between machines.
        """
        found = super().find_files(root)
        return sorted(file for file in found if not file.file.endswith(".json") or is_model(file))
