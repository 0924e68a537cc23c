"""`python -m tests.screenshots [--upstreams | --pages | --desks] [FOLDER]`: see `capture`."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.screenshots.capture import main

if __name__ == "__main__":
    options = [word for word in sys.argv[1:] if word.startswith("--")]
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    main(Path(words[0]) if words else None, options[0] if options else "")
