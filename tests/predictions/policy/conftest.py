from __future__ import annotations

from tests.fakes import provider

__all__ = ["provider"]
