"""Cut out: background removal for selected items, as one batch at a price shown first."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from accounts.auth.member_pages import account_of, member_required, user_of
from accounts.credits import allowances, amounts
from accounts.models import User
from accounts.organizations import visible_funds
from core import timezones
from core.http.pages import base_url, page
from core.http.redirects import safe_next
from gallery.items import access, tiles
from gallery.library import selection
from gallery.models import Item
from predictions.catalogue import lookup
from predictions.catalogue.lookup import background_removal_model
from predictions.models import Version
from predictions.models.prediction import MadeHow
from predictions.submit import checks, refusals
from studio import batches, lineage
from studio.form import input_fields, input_pictures, model_hints, refusal_messages
from studio.views.actions import refusal_message

SHOWN = 8
"""Items shown before the price is accepted."""
LONGEST_AMOUNT = 18


class CannotCutOut(Exception):
    """Nothing can be cut out: a message for the user."""


@dataclass(frozen=True)
class Plan:
    """The items to cut out, the model, and the maximum total cost (micro-credits)."""

    items: list[Item]
    version: Version
    cost: int
    films: int = 0
    """Selected videos, which are left out."""

    @property
    def shown(self) -> list[tiles.Tile]:
        """The first of the items."""
        return [tiles.Tile(item, own=True) for item in self.items[:SHOWN]]

    @property
    def more(self) -> int:
        """How many are not shown."""
        return max(0, len(self.items) - SHOWN)

    @property
    def ids(self) -> str:
        """The ids that the form posts back."""
        return " ".join(item.public_id for item in self.items)

    @property
    def deed(self) -> str:
        """The button's text before the price."""
        return model_hints.action_label(self.version, {}, len(self.items))

    @property
    def left_out(self) -> str:
        """A sentence on what is left out; empty where nothing is."""
        message = ngettext(
            "%(n)s film is left as it is: only pictures are cut out.",
            "%(n)s films are left as they are: only pictures are cut out.",
            self.films,
        )
        return message % {"n": self.films} if self.films else ""


def plan(user: User, pks: list[int]) -> Plan:
    """The plan for cutting out these own items, in order. Raises CannotCutOut."""
    if not pks:
        raise CannotCutOut(_("Select pictures first."))
    if len(pks) > batches.LARGEST:
        words = {"limit": batches.LARGEST, "count": f"{len(pks):,}"}
        raise CannotCutOut(_("Up to %(limit)s pictures are cut out at once. You chose %(count)s.") % words)
    assert user.account is not None
    found = access.with_files(Item.objects.owned_by(user.account)).in_bulk(pks)
    selected = [found[pk] for pk in pks if pk in found]
    items = [item for item in selected if not item.is_film]
    if not items:
        raise CannotCutOut(_("Only pictures are cut out, no films."))
    hosted_model = background_removal_model()
    version = lookup.find_version(hosted_model.ref) if hosted_model is not None else None
    if version is None or not input_fields.picture_fields(version):
        raise CannotCutOut(_("No provider can serve this model now. Nothing was charged."))
    try:
        cost = checks.quote(version, {}, user.account) * len(items)
    except refusals.ModelNotAvailable:
        raise CannotCutOut(_("No provider can serve this model now. Nothing was charged.")) from None
    return Plan(items, version, cost, len(selected) - len(items))


@require_POST
@member_required
def cut_out(request: HttpRequest) -> HttpResponse:
    """Show the plan and its price; where that price is posted back (`quoted`), submit it, all or nothing."""
    try:
        with timezone.override(timezones.for_reader(request)):
            pks = selection.from_form(user_of(request), request.POST).pks
        plan_ = plan(user_of(request), pks)
    except selection.TooMany:
        return _refused(request, _("Up to 10,000 pictures at once."))
    except CannotCutOut as refused:
        return _refused(request, str(refused))
    raw = request.POST.get("quoted", "")
    quoted = int(raw) if raw.isascii() and raw.isdigit() and len(raw) <= LONGEST_AMOUNT else None
    if quoted is None:
        return _confirmation(request, plan_)
    if plan_.cost > quoted:
        words = {"cost": amounts.with_unit(plan_.cost), "quoted": amounts.with_unit(quoted)}
        sentence = _(
            "This costs %(cost)s, not %(quoted)s as the button said. Nothing was charged. Press again to make it."
        )
        return _confirmation(request, plan_, sentence % words)
    return _submit(request, plan_)


def _submit(request: HttpRequest, plan_: Plan) -> HttpResponse:
    account = account_of(request)
    field = input_fields.picture_fields(plan_.version)[0]
    inputs = [
        ({field: input_pictures.picture_of(request, item).url}, lineage.of_item(account, item, MadeHow.INPUT))
        for item in plan_.items
    ]
    try:
        batches.accept_each(account, user_of(request), plan_.version, inputs, base_url(request))
    except refusals.Refused as refused:
        return _confirmation(request, plan_, refusal_message(request, refused, plan_.version, {}))
    return HttpResponseRedirect(reverse("studio"))


def _confirmation(request: HttpRequest, plan_: Plan, refusal: str = "") -> HttpResponse:
    """The plan with the price on a button: a fragment for scripts, else a page."""
    account = account_of(request)
    covered = allowances.covers(account, plan_.cost)
    short = refusal_messages.insufficient_funds(
        visible_funds.for_user(user_of(request), account), account.balance, plan_.cost
    )
    if not short and not covered:
        several = _("This needs %(cost)s; you have %(have)s. Choose fewer, or add credits.")
        single = _("This needs %(cost)s; you have %(have)s. Add credits first.")
        values = {"cost": amounts.with_unit(plan_.cost), "have": amounts.short(account.balance)}
        short = (several if len(plan_.items) > 1 else single) % values
    context = {
        "plan": plan_,
        "refusal": "" if short else refusal,
        "short_of": short,
        "next": safe_next(request, reverse("library")),
    }
    part = request.headers.get("HX-Request") == "true"
    status = 422 if refusal else 200
    return page(request, "studio/_cut.html" if part else "studio/cut.html", context, status=status)


def _refused(request: HttpRequest, sentence: str) -> HttpResponse:
    if request.headers.get("HX-Request") == "true":
        return JsonResponse({"detail": sentence}, status=422)
    messages.error(request, sentence)
    return HttpResponseRedirect(safe_next(request, reverse("library")))
