"""The session engine (`SESSION_ENGINE`): Django's own in the database; the question of every page is compiled once.

Whether a session is over is decided by the database's clock.
"""

from __future__ import annotations

from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session

from core.clock import Now
from core.db.prepared import Prepared

_OPEN = Prepared[Session](
    lambda key: Session.objects.filter(session_key=key, expire_date__gt=Now())[:1], key=str
)


class SessionStore(db.SessionStore):
    """Rows, keys and signatures are those of Django's own: sessions outlive a change from one to the other."""

    def _validate_session_key(self, key: str | None) -> bool:
        """Whether it can be one: none with a NUL, which a cookie may hold (as `\\000`) and PostgreSQL refuses."""
        return bool(super()._validate_session_key(key)) and "\0" not in (key or "")  # type: ignore[misc]

    def _get_session_from_db(self) -> Session | None:
        """The row of a session that is not over. Without one, the reader gets a new key."""
        found = _OPEN.first(key=self.session_key) if self.session_key else None
        if found is None:
            self._session_key = None
        return found
