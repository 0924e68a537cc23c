"""What the sign-in says of leaving: a way to one's own for who is kept out, and the way back for who wants to go.

Apart from the pages, since every process loads it.
"""

from __future__ import annotations

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.entrance import barred
from accounts.models import User
from gallery.leaving import closing


def export(request: HttpRequest, user: User) -> barred.Way:
    """A copy of everything."""
    return barred.Way(_("Take everything along"), reverse("export"), "file-archive")


def keeping(user: User) -> str:
    """Whoever signs in while their account is about to be deleted can keep it, before anything else."""
    return reverse("account_close") if closing.open_wish(user) is not None else ""
