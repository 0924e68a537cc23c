"""Module-scoped test data: rows and files made once for all tests of a module: `scene = module_data(make)`.

For modules whose tests all want them: from the first that asks to the end of the module the rows are there.
They are in a transaction around the tests, of which each undoes what it does itself; so no other process or thread
sees them, and no test among them has transactions of its own. The files are written again for each test that asks.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import pytest
from django.conf import settings
from django.db import transaction

from accounts.models import Site
from accounts.site import announcement_cache, site_rules
from predictions.image_safety import blocklist, classifiers
from predictions.policy import prompt_rules

Made = TypeVar("Made")


def reset_site_caches() -> None:
    """Reset the process-wide caches to those of a new process."""
    announcement_cache.fill_cache([])
    site_rules.fill_cache(Site(pk=1))
    prompt_rules.use_rules(prompt_rules.NONE)
    blocklist.use_snapshot(blocklist.BlocklistSnapshot())
    classifiers.use_classifiers(())


@dataclass(frozen=True)
class ModuleData(Generic[Made]):
    """What was made, and the bytes of its files by their paths in the storage."""

    made: Made
    files: dict[Path, bytes]

    def again(self) -> Made:
        """Restore the initial state: write the files, and drop the cached site settings."""
        for path, content in self.files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        site_rules.clear_cache()
        return copy.deepcopy(self.made)


def module_data(make: Callable[[], Made]) -> Any:
    """A module's fixture with the `ModuleData` of what `make` answers."""

    @pytest.fixture(scope="module")
    def once(django_db_setup: None, django_db_blocker: Any) -> Iterator[ModuleData[Made]]:
        with django_db_blocker.unblock():
            around = transaction.atomic()
            around.__enter__()
        try:
            with django_db_blocker.unblock():
                reset_site_caches()
                made = make()
                root = Path(settings.MEDIA_ROOT)
                files = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
            yield ModuleData(made, files)
        finally:
            with django_db_blocker.unblock():
                transaction.set_rollback(True)
                around.__exit__(None, None, None)

    return once
