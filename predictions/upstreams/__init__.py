"""The rows behind upstream providers: their secrets, settings, circuits and costs.

`configured` turns rows into providers, `circuits` says who may be sent work now, `spending` writes what was sent and
what it cost, `vault` keeps the secrets, `setup` adds and changes.
"""

from __future__ import annotations
