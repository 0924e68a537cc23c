"""The secret keys of this process: what is made with an older one counts as long as `SECRET_KEY_FALLBACKS` names it.

`django.core.signing` sees to that by itself; digests that are compared as they stand ask here.
"""

from __future__ import annotations

from django.conf import settings


def newest_first() -> list[str]:
    """The key that things are made with now, then those that are only compared."""
    return [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
