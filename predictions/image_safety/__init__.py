"""Image safety: uploaded and generated pictures against blocklist, classifiers and upstreams' own flags.

    image_safety.block(phash, reason=…, case=…, by=…)     refuse this picture from now on
    image_safety.unblock(phash)                           allow it again

Call both inside the caller's transaction, which also writes the audit log; they do not write it themselves.
"""

from __future__ import annotations

from predictions.image_safety.blocklist import block, is_blocked, unblock

__all__ = ["block", "is_blocked", "unblock"]
