"""The connection of `config.postgresql`: safe behind pgbouncer and its like without a setting.

A pooler that hands out a server connection for each transaction breaks what belongs to a session: prepared statements
and server-side cursors. Every new connection is asked once who answers it. A PostgreSQL answers with the process that
the greeting named; a pooler greets for itself, and then both are left out. `prepare_threshold` in
DARKROOM_DATABASE_URL says that the pooler keeps prepared statements (`max_prepared_statements` of pgbouncer 1.21).

A connection that the server closed while it lay in the pool is given to nobody: one system call tells, where a question
would cost each request a round trip.
"""

from __future__ import annotations

import select
from typing import Any

import structlog
from django.db.backends.postgresql import base

log = structlog.get_logger(__name__)
KEPT_BY_POOLER = "PREPARED_KEPT_BY_POOLER"
"""In a database's settings: whether the operator says that prepared statements work through whatever is in between."""
_logged: set[str] = set()


class DatabaseWrapper(base.DatabaseWrapper):
    """Connections that know whether a pooler answers them, and of a pool only those that are still open."""

    def get_new_connection(self, conn_params: Any) -> Any:
        """One that the server has not closed. Those that it has go back to the pool, which makes others for them."""
        connection = super().get_new_connection(conn_params)
        if self.pool:
            # After a restart all that wait there are closed, and so many more may come back from other threads.
            for _ in range(2 * self.pool.max_size):
                if not is_closed_by_server(connection):
                    break
                connection.close()
                self.pool.putconn(connection)
                connection = super().get_new_connection(conn_params)
        return connection

    def _configure_connection(self, connection: Any) -> bool:
        # Called for each new connection, by the pool of a web process too.
        changed = bool(super()._configure_connection(connection))  # type: ignore[misc]
        if not is_pooled(connection):
            return changed
        self.settings_dict["DISABLE_SERVER_SIDE_CURSORS"] = True
        if not self.settings_dict.get(KEPT_BY_POOLER):
            connection.prepare_threshold = None
        if self.alias not in _logged:
            _logged.add(self.alias)
            log.info("database_pooler_found", prepared_statements=connection.prepare_threshold is not None)
        # A statement was sent, so there may be a transaction to end.
        return True


def is_closed_by_server(connection: Any) -> bool:
    """Whether the server has closed an idle connection. Only where something came on it is it asked."""
    from psycopg import Error
    from psycopg_pool import ConnectionPool

    if connection.closed:
        return True
    came = select.poll()
    came.register(connection.fileno(), select.POLLIN)
    if not came.poll(0):
        return False
    try:
        ConnectionPool.check_connection(connection)
    except Error:
        return True
    return False


def is_pooled(connection: Any) -> bool:
    """Whether something between greets for the server: its process is not the one that the greeting named."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return bool(cursor.fetchone()[0] != connection.info.backend_pid)
