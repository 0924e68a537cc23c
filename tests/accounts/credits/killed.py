"""`python -m tests.accounts.credits.killed SEED`: moves credits in every way without end, a line for each step."""

from __future__ import annotations

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()
    from tests.accounts.credits.house import House, at_random

    house, seed = House(), int(sys.argv[1])
    while True:
        at_random(house, 1, seed)
        seed += 7919
        print(house.steps, flush=True)


if __name__ == "__main__":
    main()
