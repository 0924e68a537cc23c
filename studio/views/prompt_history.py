"""Prompt history: the prompts that a member wrote before, each once, newest first."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db.models import F
from django.db.models.fields.json import KT
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.auth.member_pages import account_of, member_required, user_of
from accounts.models import Account, User
from core.http.pages import page
from predictions.models import Prediction
from studio.form.controls import PROMPTS

MAX_SCANNED = 2000
"""Newest predictions of a member that are searched for prompts."""
PAGE = 20
MAX_INLINE = 2000
"""Longest prompt, in characters, that the list contains whole; a longer one is fetched by its link."""


@dataclass(frozen=True)
class Line:
    """One prompt, and the newest prediction with it."""

    prompt: str
    prediction: str
    model: str

    @property
    def whole(self) -> bool:
        """Whether the list contains it whole."""
        return len(self.prompt) <= MAX_INLINE


@dataclass(frozen=True)
class Prompts:
    """Some prompts, and where the next page starts (0 at the end)."""

    lines: list[Line] = field(default_factory=list)
    next: int = 0
    search: str = ""


def newest(account: Account, user: User, search: str = "", start: int = 0) -> Prompts:
    """A page of the member's own prompts, each once, newest first; `search` ignores case."""
    term, lines = search.casefold(), dict[str, Line]()
    for public_id, owner, name, *words in _rows(account, user):
        prompt = next((text for text in words if text), "")
        if prompt and prompt not in lines and term in prompt.casefold():
            lines[prompt] = Line(prompt, public_id, f"{owner}/{name}")
    found = list(lines.values())
    return Prompts(found[start : start + PAGE], start + PAGE if len(found) > start + PAGE else 0, search)


def _rows(account: Account, user: User) -> list[tuple[str, ...]]:
    """Ids, models and prompts of what the member requested on the pages. API requests are not their own
    writing, and may be large."""
    own = Prediction.objects.owned_by(account).filter(user=user, source="web", data_removed=False)
    texts = {f"text_{name}": KT(f"input__{name}") for name in PROMPTS}
    rows = own.order_by("-created_at", "-id").annotate(**texts, owner=F("model__owner"))
    return list(rows.values_list("public_id", "owner", "model__name", *texts)[:MAX_SCANNED])


@require_safe
@member_required
def prompts(request: HttpRequest) -> HttpResponse:
    """The list: its lines for htmx (`q` searches, `start` pages), else a page of its own."""
    search = request.GET.get("q", "").replace("\x00", "")[:200].strip()
    raw = request.GET.get("start", "")
    start = int(raw) if len(raw) <= 5 and raw.isascii() and raw.isdigit() else 0
    found = newest(account_of(request), user_of(request), search, start)
    part = request.headers.get("HX-Request") == "true"
    context = {"prompts": found, "title": _("Prompts you wrote")}
    return page(request, "studio/_prompts.html" if part else "studio/prompts.html", context)
