"""Judges pictures, sent and made: by hashes of those that were removed, by classifiers, by what an upstream said.

    judging.block(phash, reason=…, case=…, by=…)     the same picture is refused from now on
    judging.unblock(phash)                           and is not any more

Both are to be called inside the caller's transaction, which writes the record of its act; they write none themselves.
"""

from __future__ import annotations

from predictions.image_safety.blocklist import block, is_blocked, unblock

__all__ = ["block", "is_blocked", "unblock"]
