"""Signs a file with content credentials (C2PA), in a process of its own.

It is separate because the library parses untrusted bytes. Takes JSON on standard input, so that the key is in
no file and no argument; answers `{}` or `{"error": …}`.
"""

from __future__ import annotations

import json
import resource
import sys
from typing import Any

MEMORY = 1 << 30
CPU_S = 60


def main() -> None:
    """Read the request, sign, answer."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    request = json.load(sys.stdin)
    try:
        sign(request)
    except Exception as error:
        # The library's messages repeat neither certificate nor key.
        json.dump({"error": f"{type(error).__name__}: {error}"[:500]}, sys.stdout)
    else:
        json.dump({}, sys.stdout)


def sign(request: dict[str, Any]) -> None:
    """Write `target`: `source` with `manifest`. `parent`: a file with credentials that it was derived from, or
    ""."""
    import c2pa

    # No thumbnail: nothing here decodes a picture.
    context = c2pa.Context(c2pa.Settings.from_dict({"builder": {"thumbnail": {"enabled": False}}}))
    info = c2pa.C2paSignerInfo(
        request["algorithm"].encode(),
        request["certificate"].encode(),
        request["key"].encode(),
        request["timestamps"].encode() if request["timestamps"] else None,
    )
    builder = c2pa.Builder(json.dumps(request["manifest"]), context)
    if request["parent"]:
        with open(request["parent"], "rb") as parent:
            ingredient = {"title": "original", "relationship": "parentOf", "instance_id": "original"}
            builder.add_ingredient(json.dumps(ingredient), request["type"], parent)
    with (
        c2pa.Signer.from_info(info) as signer,
        open(request["source"], "rb") as source,
        open(request["target"], "w+b") as target,
    ):
        builder.sign(signer, request["type"], source, target)


if __name__ == "__main__":
    main()
