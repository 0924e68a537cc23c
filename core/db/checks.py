"""Tags of system checks, for commands that need some of them and not all."""

from __future__ import annotations

DATABASE_IS_OURS = "database_is_ours"
"""What this process must have in common with its database to write into it: enough for a command without pages."""
