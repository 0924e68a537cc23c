"""A service on the loopback interface that answers as Replicate's API does, and goes wrong where it is told to.

    with Upstream(seconds=0.2) as there:
        there.fault("create-429=2", times=1)
        ...                                     # work against there.url with there.token
        assert there.starts() == {"the-idempotency-key": 1}

A fault is chosen by words in the prompt (`a cat fault:create-500*2`), by `Upstream.fault` or `POST /_faults`, each for
so many times or with a chance. By hand: `script/upstream`, which also lists the faults.
"""

from tests.loopback_upstream.launcher import Upstream, UpstreamProcess
from tests.loopback_upstream.settings import Settings

__all__ = ["Settings", "Upstream", "UpstreamProcess"]
