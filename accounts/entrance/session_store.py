"""The session engine (`SESSION_ENGINE`): Django's own in the database; the question of every page is compiled once.

Whether a session is over is decided by the database's clock.
"""

from __future__ import annotations

from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session

from accounts.clock import Now
from accounts.prepared import Prepared

_OPEN = Prepared[Session](
    lambda key: Session.objects.filter(session_key=key, expire_date__gt=Now())[:1], key=str
)


class SessionStore(db.SessionStore):
    """Rows, keys and signatures are those of Django's own: sessions outlive a change from one to the other."""

    def _get_session_from_db(self) -> Session | None:
        """The row of a session that is not over. Without one, the reader gets a new key."""
        key = self.session_key or ""
        # A cookie may hold one, written as `\\000`; PostgreSQL would refuse to look for it.
        found = None if "\0" in key else _OPEN.first(key=key)
        if found is None:
            self._session_key = None
        return found
