#!/usr/bin/env python
"""Darkroom's command line."""

from __future__ import annotations

import gc
import os
import sys

from config.file_permissions import UMASK

QUICK = {"audit", "createadmin", "grant", "keys", "token", "upstream"}
"""Commands without pages, for which somebody waits: they start without the panels."""


def main() -> None:
    # What is imported stays, so there is nothing to find: `config.apps` ends it once all of it is there.
    gc.disable()
    # Whatever is written is for this user alone: database, pictures, mails with links that open accounts.
    os.umask(UMASK)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if sys.argv[1:2] == ["web"]:
        # Before the settings are read: only a web process keeps a connection pool.
        os.environ["DARKROOM_PROCESS_ROLE"] = "web"
    if sys.argv[1:2] == ["work"]:
        # Its parts are forked from it: without the panels, and with the queue's name, which django-q2 reads at once.
        os.environ.setdefault("DARKROOM_PROCESS_ROLE", "work")
        os.environ.setdefault("Q_CLUSTER_NAME", "work")
    if QUICK.intersection(sys.argv[1:2]):
        os.environ.setdefault("DARKROOM_PROCESS_ROLE", "work")
    from django.core.management import execute_from_command_line

    from config.env import SettingError

    try:
        execute_from_command_line(sys.argv)
    except SettingError as error:
        # Where it was read helps nobody who has to mend it: the sentence names the setting.
        sys.exit(str(error))


if __name__ == "__main__":
    main()
