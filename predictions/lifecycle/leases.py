"""Durations of leases and of the patience with results, in seconds. Compared by the database's clock alone."""

from __future__ import annotations

START_LEASE = 15.0
"""Seconds for a worker to start a prediction at its provider; more than the timeouts of the calls it covers."""
COLLECT_LEASE = 45.0
"""Seconds for a worker to fetch one output before it must renew its lease."""
FIRST_FETCH = 30.0
"""Additional seconds of the first lease: the time limit of the fetch itself."""
COLLECT_PATIENCE = 600.0
"""Seconds during which the fetch of a result's files is retried where an upstream does not deliver them."""
COLLECT_LIMIT = 900.0
"""Seconds after which an upstream's result that is still not fetched fails, whatever its workers do."""
POLL_LEASE = 10.0
"""Seconds for a watcher to poll a claimed row before another watcher may."""
MAX_STARTS = 3
MAX_COLLECTS = 3
