"""`DARKROOM_DATABASE_URL` as an entry of DATABASES: PostgreSQL, its timeouts and prepared statements; or SQLite."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from config.env import SettingError, secret

PREPARE_FROM = 5
"""psycopg's `prepare_threshold`: the executions of a query on one connection before it is prepared."""
LIBPQ_TIMEOUTS: dict[str, object] = {
    "connect_timeout": 5,
    "tcp_user_timeout": 15_000,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
}
"""libpq's timeouts for a PostgreSQL that no longer answers, in seconds; `tcp_user_timeout` in milliseconds.

Its defaults are minutes to connect, and hours to wait for an answer.
"""


def database(url: str, sqlite_path: Path) -> dict[str, object]:
    """Django's DATABASES entry for `postgres://user:password@host:port/name?option=value`; without one, SQLite."""
    if not url:
        return _sqlite(sqlite_path)
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return _sqlite(Path(unquote(parts.path)))
    if parts.scheme not in {"postgres", "postgresql"}:
        raise SettingError("DARKROOM_DATABASE_URL must begin with postgres:// or sqlite://.")
    try:
        port = str(parts.port or "")
    except ValueError:
        raise SettingError("DARKROOM_DATABASE_URL names a port that is no number.") from None
    query: dict[str, object] = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    # A service is an entry of libpq's `pg_service.conf`, which names the database as well.
    if not parts.path.strip("/") and "service" not in query:
        raise SettingError(
            "DARKROOM_DATABASE_URL must name a database: postgres://user:password@host:5432/name."
        )
    # A repeated query is planned once, which halves its cost. Behind a pooler only where that is asked for.
    named = "prepare_threshold" in query
    threshold = str(query.pop("prepare_threshold", PREPARE_FROM))
    query["prepare_threshold"] = int(threshold) if threshold.isdigit() else None
    if "service" not in query:
        # These would override the service file, where the operator sets them.
        query = {**LIBPQ_TIMEOUTS, **query}
    return {
        "ENGINE": "config.postgresql",
        "DISABLE_SERVER_SIDE_CURSORS": query["prepare_threshold"] is None,
        "PREPARED_KEPT_BY_POOLER": named and query["prepare_threshold"] is not None,
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or "") or secret("DARKROOM_DATABASE_PASSWORD"),
        "HOST": query.pop("host", unquote(parts.hostname or "")),
        "PORT": port,
        "CONN_MAX_AGE": 0,
        "OPTIONS": dict(query),
    }


def _sqlite(path: Path) -> dict[str, object]:
    # IMMEDIATE: a transaction that reads first and then writes would otherwise fail at once with "locked".
    return {
        "ENGINE": "config.sqlite",
        "NAME": str(path),
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-16000;",
        },
    }
