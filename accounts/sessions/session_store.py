"""Session engine (`SESSION_ENGINE`): Django's database sessions, with the lookup of every page compiled once.

Expiry is decided by the database's clock.
"""

from __future__ import annotations

from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session

from core.clock import Now
from core.db.prepared import Prepared

_UNEXPIRED = Prepared[Session](lambda key: Session.objects.filter(session_key=key, expire_date__gt=Now())[:1])


class SessionStore(db.SessionStore):
    """Rows, keys and signatures are Django's own, so sessions survive a switch between the two engines."""

    def _validate_session_key(self, key: str | None) -> bool:
        """rAlso refuse a NUL, which a cookie may contain (as `\000`) and PostgreSQL rejects."""
        return bool(super()._validate_session_key(key)) and "\0" not in (key or "")  # type: ignore[misc]

    def _get_session_from_db(self) -> Session | None:
        """The session's row unless it expired; without one, the key is reset."""
        row = _UNEXPIRED.first(key=self.session_key) if self.session_key else None
        if row is None:
            self._session_key = None
        return row
