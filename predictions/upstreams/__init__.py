"""Upstreams as stored in the database: their secrets, settings, circuits and costs.

`configuration` turns rows into providers, `circuits` says which may take work now, `run_records` writes starts and
their costs, `key_rotation` encrypts the secrets, `setup` adds and changes upstreams.
"""

from __future__ import annotations
