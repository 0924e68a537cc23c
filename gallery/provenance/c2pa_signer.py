"""Signs one file with content credentials (C2PA), in a process of its own: the library reads bytes of strangers.

Asked by JSON on standard input, so that the key stands in no file and no argument; answers `{}` or `{"error": …}`.
"""

from __future__ import annotations

import json
import resource
import sys
from typing import Any

MEMORY = 1 << 30
CPU_S = 60


def main() -> None:
    """Read the wish, sign, answer."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    wish = json.load(sys.stdin)
    try:
        sign(wish)
    except Exception as error:
        # The library's own words name no secret: certificate and key are not repeated in them.
        json.dump({"error": f"{type(error).__name__}: {error}"[:500]}, sys.stdout)
    else:
        json.dump({}, sys.stdout)


def sign(wish: dict[str, Any]) -> None:
    """Write `target`: `source` with `manifest`; `parent`, a file that has credentials, is what it came from."""
    import c2pa

    # No thumbnail: nothing here decodes a picture.
    context = c2pa.Context(c2pa.Settings.from_dict({"builder": {"thumbnail": {"enabled": False}}}))
    info = c2pa.C2paSignerInfo(
        wish["algorithm"].encode(),
        wish["certificate"].encode(),
        wish["key"].encode(),
        wish["timestamps"].encode() if wish["timestamps"] else None,
    )
    builder = c2pa.Builder(json.dumps(wish["manifest"]), context)
    if wish["parent"]:
        with open(wish["parent"], "rb") as parent:
            ingredient = {"title": "original", "relationship": "parentOf", "instance_id": "original"}
            builder.add_ingredient(json.dumps(ingredient), wish["type"], parent)
    with (
        c2pa.Signer.from_info(info) as signer,
        open(wish["source"], "rb") as source,
        open(wish["target"], "w+b") as target,
    ):
        builder.sign(signer, wish["type"], source, target)


if __name__ == "__main__":
    main()
