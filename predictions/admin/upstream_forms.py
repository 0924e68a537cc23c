"""Admin forms of upstreams: URLs are validated, keys are entered and never shown, amounts are in credits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.forms.models import BaseInlineFormSet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from accounts.credits.form_fields import AmountField
from predictions.models import Upstream, UpstreamKey, UpstreamRoute
from predictions.providers.http import connection_pool
from predictions.upstreams import allowed_hosts, setup


class UpstreamForm(forms.ModelForm):
    """An upstream, without its keys and routes."""

    # Not a URLField: a gateway's host in a network of containers has no dot.
    url = forms.CharField(
        label=gettext_lazy("Address"),
        max_length=allowed_hosts.LONGEST,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "https://host/v1"}),
        help_text=gettext_lazy("The API's base with its version path, such as https://host/v1."),
    )
    day_cap = AmountField(
        label=gettext_lazy("Most a day"), help_text=gettext_lazy("Credits, by days in UTC; empty: no cap.")
    )

    class Meta:
        model = Upstream
        fields = (
            "name", "kind", "url", "enabled", "paused", "serves_all", "priority", "weight", "idempotent",
            "in_flight_limit", "requests_per_second", "connect_s", "read_s", "files", "webhooks", "day_cap",
        )  # fmt: skip

    def clean_url(self) -> str:
        """A valid URL, without a slash at its end."""
        url: str = self.cleaned_data["url"]
        if self.instance.pk and url.strip().rstrip("/") == self.instance.url:
            return self.instance.url
        return str(_checked(setup.checked_url, url))

    def clean(self) -> dict[str, Any]:
        """Numbers within the bounds of the command line, and only settings that the kind has."""
        cleaned: dict[str, Any] = super().clean() or {}
        kind = cleaned.get("kind") or self.instance.kind
        try:
            setup.check_kind(kind, None, cleaned)
        except setup.BadSetting as error:
            self.add_error(error.field, str(error))
        for name, value in [item for item in cleaned.items() if item[1] is not None]:
            try:
                setup.check_number(name, value)
            except setup.BadSetting as error:
                self.add_error(name, str(error))
        return cleaned


class KeyForm(forms.ModelForm):
    """A key; its secret is entered and never shown."""

    new_secret = forms.CharField(
        label=gettext_lazy("New key"),
        required=False,
        max_length=setup.LONGEST_SECRET,
        strip=True,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}, render_value=False),
        help_text=gettext_lazy("Stored encrypted at once. Empty: it stays as it is."),
    )

    class Meta:
        model = UpstreamKey
        fields = ("label", "enabled", "weight", "in_flight_limit")

    def clean_new_secret(self) -> str:
        """A secret that is valid in a header; required for a new key."""
        secret: str = self.cleaned_data["new_secret"]
        if not secret and not self.instance.pk:
            raise forms.ValidationError(_("A new key needs its text."))
        return str(_checked(setup.checked_secret, secret)) if secret else ""

    def save(self, commit: bool = True) -> UpstreamKey:
        """Save; a new secret is encrypted and closes the circuit."""
        secret = self.cleaned_data.get("new_secret", "")
        if secret:
            setup.seal(self.instance, secret)
        if commit and self.instance.pk:
            self.instance.save(update_fields=setup.KEY_COLUMNS)
            return self.instance
        key: UpstreamKey = super().save(commit)
        return key


class RouteForm(forms.ModelForm):
    """A model's name and cost at an upstream."""

    cost = AmountField(label=gettext_lazy("Costs"), help_text=gettext_lazy("Credits; empty: not known."))

    class Meta:
        model = UpstreamRoute
        fields = ("model", "enabled", "their_name", "their_version", "cost", "cost_unit")

    def clean(self) -> dict[str, Any]:
        """Names and versions that the upstream's API accepts."""
        cleaned: dict[str, Any] = super().clean() or {}
        for name, check in (("their_name", setup.checked_name), ("their_version", setup.checked_version)):
            if cleaned.get(name):
                try:
                    check(cleaned[name])
                except setup.BadSetting as error:
                    self.add_error(name, str(error))
        return cleaned


class AtLeastOneKey(BaseInlineFormSet):
    """At least one key; and where the URL moves to another origin, every key must be entered again."""

    def clean(self) -> None:
        super().clean()
        if any(self.errors):
            return
        if not any(form.instance.pk or form.cleaned_data.get("new_secret") for form in self.forms):
            raise forms.ValidationError(_("An upstream needs a key."))
        if self._moves():
            for form in self.forms:
                if form.instance.pk and not form.cleaned_data.get("new_secret"):
                    # Otherwise staff who may change the URL could have every key sent to a server of theirs.
                    form.add_error(
                        "new_secret",
                        _("The address leads to another service: type this key anew, or add an upstream."),
                    )

    def _moves(self) -> bool:
        stored = Upstream.objects.filter(pk=self.instance.pk).values_list("url", flat=True).first()
        return stored is not None and not connection_pool.same_origin(stored, self.instance.url)


def _checked(check: Callable[[str], str], value: str) -> str:
    try:
        return check(value)
    except setup.BadSetting as error:
        raise forms.ValidationError(str(error)) from None
