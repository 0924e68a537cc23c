#!/usr/bin/env python
"""Darkroom's command line."""

from __future__ import annotations

import os
import sys

from config.file_modes import UMASK


def main() -> None:
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
    from django.core.management import execute_from_command_line

    from config.env import SettingError

    try:
        execute_from_command_line(sys.argv)
    except SettingError as error:
        # Where it was read helps nobody who has to mend it: the sentence names the setting.
        sys.exit(str(error))


if __name__ == "__main__":
    main()
