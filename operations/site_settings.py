"""Site settings: one form over the single row of `Site`. An empty value falls back to the environment."""

from __future__ import annotations

import zoneinfo
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core import signing
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from accounts.credits import amounts
from accounts.credits.form_fields import WRITE_AN_AMOUNT, AmountField, member_widget
from accounts.models import MICRO, Plan, Site, User
from accounts.site import feature_flags, site_rules
from accounts.staff import audit_log
from core.admin.decorators import staff_permission_required
from core.http.pages import page
from core.net import client_ip, ip_addresses

_SALT = "gallery.operations.house"
MOST_NETWORKS = 500
FIELDS = (
    "registration", "sign_ups_per_network", "refuse_disposable", "refused_networks", "welcome_credits",
    "billing_zone", "low_balance", "gifts", "gift_limit_day", "reviewed_first", "filtered_costs", "evidence_days",
    "closing_days", "organization_plan_id", "organizations_owned", "switches_off",
)  # fmt: skip
SECTIONS: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (
        gettext_lazy("Entrance"),
        ("registration", "sign_ups_per_network", "refuse_disposable", "refused_networks", "closing_days"),
    ),
    (
        gettext_lazy("Credits"),
        ("welcome_credits", "billing_zone", "low_balance", "gifts", "gift_limit_day", "filtered_costs"),
    ),
    (gettext_lazy("Organisations"), ("organization_plan_id", "organizations_owned")),
    (gettext_lazy("Moderation"), ("reviewed_first", "evidence_days")),
    (gettext_lazy("Features"), ("switches_on",)),
)


def _amount(**kwargs: Any) -> AmountField:
    return AmountField(
        max_length=20,
        widget=member_widget(),
        error_messages={"invalid": WRITE_AN_AMOUNT, "negative": gettext_lazy("Not less than nothing.")},
        **kwargs,
    )


class NetworksField(forms.CharField):
    """Networks in CIDR notation, one per line; cleans to a list in canonical form."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "autocomplete": "off"})
        super().__init__(required=False, max_length=20_000, widget=widget, **kwargs)

    def clean(self, value: Any) -> Any:
        """At most `MOST_NETWORKS`, without duplicates."""
        networks: dict[str, None] = {}
        for word in super().clean(value).replace(",", " ").split():
            try:
                networks[str(ip_addresses.parse(word))] = None
            except ValueError:
                raise forms.ValidationError(
                    _("%(word)s is no network. Write one as 203.0.113.0/24 or 2001:db8::/48.")
                    % {"word": word[:60]}
                ) from None
        if len(networks) > MOST_NETWORKS:
            raise forms.ValidationError(_("At most %(n)d networks.") % {"n": MOST_NETWORKS})
        return list(networks)


class SiteSettingsForm(forms.Form):
    """The settings that can be changed while the site is running."""

    registration = forms.ChoiceField(label=gettext_lazy("Registration"), required=False)
    sign_ups_per_network = forms.IntegerField(
        label=gettext_lazy("Sign-ups a day from one network"),
        min_value=0,
        max_value=1_000_000,
        help_text=gettext_lazy("0: as many as come."),
    )
    refuse_disposable = forms.BooleanField(
        label=gettext_lazy("Refuse disposable e-mail addresses"), required=False
    )
    refused_networks = NetworksField(
        label=gettext_lazy("Refused networks"),
        help_text=gettext_lazy(
            "One a line, such as 203.0.113.0/24. Nobody is answered there, member or not."
        ),
    )
    closing_days = forms.IntegerField(
        label=gettext_lazy("Days between the wish to delete an account and its end"),
        min_value=0,
        max_value=365,
    )
    welcome_credits = _amount(label=gettext_lazy("Credits for a new member"))
    billing_zone = forms.CharField(
        label=gettext_lazy("Billing zone"),
        max_length=60,
        widget=forms.TextInput(attrs={"list": "zones", "autocomplete": "off"}),
        help_text=gettext_lazy(
            "Where the days and months of allowances and charts begin, such as Europe/Berlin."
        ),
    )
    low_balance = _amount(
        label=gettext_lazy("Tell people when their credits fall below"),
        help_text=gettext_lazy("0: never."),
    )
    gifts = forms.BooleanField(label=gettext_lazy("Members may give each other credits"), required=False)
    gift_limit_day = _amount(
        label=gettext_lazy("Credits that one account may give a day"),
        help_text=gettext_lazy("Empty: all it has."),
    )
    filtered_costs = forms.BooleanField(
        label=gettext_lazy("A picture that the filters drop is paid for"), required=False
    )
    reviewed_first = forms.IntegerField(
        label=gettext_lazy("Pictures of a new member that a moderator looks at before they are public"),
        min_value=0,
        max_value=1000,
    )
    evidence_days = forms.IntegerField(
        label=gettext_lazy("Days that removed pictures stay sealed"),
        min_value=0,
        max_value=3650,
        help_text=gettext_lazy("0: none is kept."),
    )
    organization_plan_id = forms.TypedChoiceField(
        label=gettext_lazy("Plan of new organisations"), required=False, coerce=int, empty_value=None
    )
    organizations_owned = forms.IntegerField(
        label=gettext_lazy("Organisations that one member may own"), min_value=1, max_value=1000
    )
    switches_on = forms.MultipleChoiceField(
        label=gettext_lazy("Switched on"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("What is off is refused on every path: pages, APIs and links."),
    )

    def __init__(self, *args: Any, client_address: ip_addresses.Address | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.client_address = client_address
        self.fields["registration"].choices = [  # type: ignore[attr-defined]
            (
                "",
                _("As the environment says: %(value)s")
                % {"value": Site.Registration(settings.REGISTRATION).label},
            ),
            *(choice for choice in Site.Registration.choices if choice[0]),
        ]
        self.fields["welcome_credits"].help_text = _("Empty: as the environment says, %(n)s.") % {
            "n": settings.WELCOME_CREDITS
        }
        self.fields["organization_plan_id"].choices = _plans()  # type: ignore[attr-defined]
        self.fields["organization_plan_id"].help_text = _(
            "Its allowance is theirs only where the plan says so: everybody can found one."
        )
        self.fields["switches_on"].choices = [(flag.name, flag.title) for flag in feature_flags.ALL]  # type: ignore[attr-defined]
        for name, field in self.fields.items():
            if field.help_text:
                field.widget.attrs.setdefault("aria-describedby", f"id_{name}_helptext")

    def clean_billing_zone(self) -> str:
        """A time zone known to this server."""
        name = str(self.cleaned_data["billing_zone"])
        if name not in zoneinfo.available_timezones():
            raise forms.ValidationError(_("No such zone. Names look like Asia/Shanghai."))
        return name

    def clean_refused_networks(self) -> list[str]:
        """Staff can't lock themselves out."""
        networks: list[str] = self.cleaned_data["refused_networks"]
        if self.client_address is not None and ip_addresses.contains(networks, self.client_address):
            raise forms.ValidationError(
                _("You are in one of these networks yourself, at %(address)s.")
                % {"address": self.client_address}
            )
        return networks

    def values(self) -> dict[str, Any]:
        """The values to write to the row."""
        values = {name: self.cleaned_data[name] for name in FIELDS if name != "switches_off"}
        values["low_balance"] = values["low_balance"] or 0
        values["switches_off"] = [
            flag.name for flag in feature_flags.ALL if flag.name not in self.cleaned_data["switches_on"]
        ]
        return values


class ChangedMeanwhile(Exception):
    """Somebody else has changed some of the same settings since the form was opened."""

    def __init__(self, names: list[str]) -> None:
        titles = [
            str(SiteSettingsForm.base_fields["switches_on" if name == "switches_off" else name].label)
            for name in names
        ]
        words = _(
            "Somebody else has changed this meanwhile: %(names)s. Save again to set it as it stands here."
        )
        super().__init__(words % {"names": ", ".join(titles)})


@staff_permission_required("accounts.change_site")
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest) -> HttpResponse:
    """The form; changes are written to the audit log with the former values."""
    rules = Site.objects.filter(pk=1).first() or Site(pk=1)
    form = SiteSettingsForm(
        request.POST or None, initial=_initial(rules), client_address=client_ip.client_address(request)
    )
    seen = request.POST.get("seen") or _snapshot(rules)
    if request.method == "POST" and form.is_valid():
        assert isinstance(request.user, User)
        try:
            changed = change(request.user, form.values(), _read_snapshot(seen))
        except ChangedMeanwhile as error:
            form.add_error(None, str(error))
            seen = _snapshot(Site.objects.get(pk=1))
        else:
            message = (
                _("Saved. It holds everywhere within a second.") if changed else _("Nothing was changed.")
            )
            messages.success(request, message)
            return redirect("house")
    sections = [{"title": title, "fields": [form[name] for name in names]} for title, names in SECTIONS]
    context = {
        "form": form,
        "sections": sections,
        "seen": seen,
        "changed_at": None if rules._state.adding else rules.changed_at,
        "zones": sorted(zone for zone in zoneinfo.available_timezones() if "/" in zone and "Etc" not in zone),
    }
    return page(request, "operations/site_settings.html", context, status=422 if form.errors else 200)


def change(actor: User, values: dict[str, Any], seen: dict[str, Any] | None = None) -> bool:
    """Change settings and log those that differ; returns False where none does.

    With `seen`, the values that the form was opened with, only settings changed in the form are written, so
    that others' changes stay. Raises ChangedMeanwhile where both changed the same one.
    """
    with transaction.atomic():
        Site.objects.get_or_create(pk=1)
        rules = Site.objects.select_for_update().get(pk=1)
        before = {name: getattr(rules, name) for name in values if getattr(rules, name) != values[name]}
        if seen is not None:
            before = {name: now for name, now in before.items() if values[name] != seen.get(name)}
            conflicts = [name for name, now in before.items() if now != seen.get(name)]
            if conflicts:
                raise ChangedMeanwhile(conflicts)
        if not before:
            return False
        after = {name: values[name] for name in before}
        rules = site_rules.change(**after)
        audit_log.write(actor, "house.change", rules, detail={"before": before, "after": after})
    return True


def _snapshot(rules: Site) -> str:
    """The settings when the form was opened, signed, for the form to post back."""
    return signing.dumps({name: getattr(rules, name) for name in FIELDS}, salt=_SALT, compress=True)


def _read_snapshot(seen: str) -> dict[str, Any] | None:
    """The settings in a posted snapshot; None where it isn't ours."""
    try:
        snapshot = signing.loads(seen, salt=_SALT)
    except signing.BadSignature:
        return None
    return snapshot if isinstance(snapshot, dict) else None


def _plans() -> list[tuple[str, str]]:
    named = [(str(plan.pk), plan.name) for plan in Plan.objects.order_by("name")]
    return [("", _("That of new accounts; without one, their founder's")), *named]


def _initial(rules: Site) -> dict[str, Any]:
    initial = {name: getattr(rules, name) for name in FIELDS if name != "switches_off"}
    for name in ("welcome_credits", "low_balance", "gift_limit_day"):
        initial[name] = "" if initial[name] is None else _amount_text(initial[name])
    initial["refused_networks"] = "\n".join(rules.refused_networks)
    initial["switches_on"] = [flag.name for flag in feature_flags.ALL if flag.name not in rules.switches_off]
    return initial


def _amount_text(micro: int) -> str:
    return str(micro // MICRO) if micro % MICRO == 0 else amounts.decimal_text(micro)
