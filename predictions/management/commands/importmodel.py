"""`manage.py importmodel`: import a model from the OpenAPI document of its Cog container."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from predictions.catalogue import cog_import, cog_schema


class Command(BaseCommand):
    help = "Add a model, or a version of one, by its Cog schema. It needs a price before anybody can run it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        parser.add_argument("ref", help="owner/name")
        parser.add_argument(
            "schema", help="a file with the openapi.json of the model, or - for standard input"
        )
        parser.add_argument("--kind", default="", help="text-to-image, video …; guessed where it is not said")
        parser.add_argument(
            "--version-id", default="", help="its id at the service that runs it, 64 hex digits"
        )
        parser.add_argument("--description", default="", help="one sentence for members")
        parser.add_argument("--dry", action="store_true", help="say what would be made, make nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        owner, _, name = options["ref"].partition("/")
        try:
            schema = cog_schema.read(_document(options["schema"]))
            cog_import.checked_ref(owner, name)
            cog_import.checked_version(options["version_id"])
            kind = cog_import.checked_kind(options["kind"]) or cog_import.guessed_kind(name, schema)
            for input_name, rule in schema.properties.items():
                self.stdout.write(f"  {input_name}: {rule.get('type', 'any')}")
            for note in schema.notes:
                self.stdout.write(f"  {note}")
            if options["dry"]:
                self.stdout.write(f"{owner}/{name} would be a model of the kind {kind}.")
                return
            imported = cog_import.import_version(
                owner,
                name,
                schema,
                kind=options["kind"],
                version=options["version_id"],
                description=options["description"],
                source=f"imported from {Path(options['schema']).name}",
            )
        except (cog_schema.NotCog, cog_import.CannotImport) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{owner}/{name}:{imported.version.pk}")
        if not imported.version.model.prices.exists():
            self.stdout.write("It has no price yet: add one at the desk before anybody can run it.")


def _document(path: str) -> bytes:
    """Contents of the document, read up to one byte more than the limit."""
    if path == "-":
        return sys.stdin.buffer.read(cog_schema.LARGEST + 1)
    try:
        with Path(path).open("rb") as file:
            return file.read(cog_schema.LARGEST + 1)
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from None
