"""Times are compared by the database's clock alone, never by a process's."""

from __future__ import annotations

START_LEASE = 15.0
"""Seconds a worker has to hand a prediction to its provider; more than the time limits of the calls that it covers."""
COLLECT_LEASE = 45.0
"""Seconds a worker has to fetch one output before it must renew."""
FIRST_FETCH = 30.0
"""Seconds more that it has at first: what the fetching itself may take."""
COLLECT_PATIENCE = 600.0
"""Seconds for which the files of a finished result are asked for again where an upstream does not give them."""
COLLECT_LIMIT = 900.0
"""Seconds after which a result that an upstream gave is failed, whatever its workers do."""
LOOK_LEASE = 10.0
"""Seconds a watcher has to answer for a row before another watcher looks at it."""
MAX_STARTS = 3
MAX_COLLECTS = 3
