"""allauth social account adapter: providers from the settings, and sign-in by an address verified on both sides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from allauth.account.models import EmailAddress
from allauth.account.utils import user_email
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount import adapter as allauth_adapter
from allauth.socialaccount.models import SocialApp, SocialLogin
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.http import HttpRequest
from django.utils.translation import gettext as _

from accounts.auth.forms import refusal_response
from accounts.models import User
from accounts.registration import admission, email_addresses


class SocialAdapter(allauth_adapter.DefaultSocialAccountAdapter):
    """Matches an existing account by address only where both sides have verified it."""

    def list_apps(
        self, request: HttpRequest, provider: str | None = None, client_id: str | None = None
    ) -> list[SocialApp]:
        """Providers of the settings; allauth's own table stays empty and is not queried."""
        built = allauth_adapter._build_apps_from_settings(provider=provider, client_id=client_id)
        return [app for apps in built.values() for app in apps]

    def authenticate_by_email(self, sociallogin: SocialLogin) -> tuple[User, str] | None:
        """The user whose address is verified both here and by the provider."""
        for address in sociallogin.email_addresses:
            # Some providers send the string "false", which is truthy.
            verified = address.verified is True or str(address.verified).lower() == "true"
            address.verified = verified and _is_same_spelling(sociallogin, address.email)
        app = sociallogin.provider.app
        if app is not None and not app.settings.get("trust_email", True):
            for address in sociallogin.email_addresses:
                address.verified = False
        for address in sociallogin.email_addresses:
            if not address.verified:
                continue
            rows = EmailAddress.objects.filter(
                email__in=email_addresses.spellings(address.email), verified=True
            )
            found = rows.select_related("user").first()
            if found is not None:
                return cast(User, found.user), address.email
        return None

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> User:
        """Create the user, under the same admission as the sign-up form."""
        user = sociallogin.user
        email = str(form.cleaned_data.get("email") or "") if form is not None else user_email(user) or ""
        try:
            if form is None:
                self._check(request, email)
            with admission.admit(request, email) as opening:
                super().save_user(request, sociallogin, form)
                opening.give(user)
        except admission.Refused as refused:
            raise ImmediateHttpResponse(refusal_response(request, refused)) from None
        except IntegrityError:
            refusal = admission.Refused(_("Somebody just took that name. Please choose another."))
            raise ImmediateHttpResponse(refusal_response(request, refusal)) from None
        return cast(User, user)

    def _check(self, request: HttpRequest, email: str) -> None:
        invited = admission.invitation_of(request)
        if email and (invited is None or invited.email.lower() != email.lower()):
            try:
                email_addresses.refuse_disposable(email)
            except ValidationError as error:
                raise admission.Refused(error.messages[0]) from None


def _is_same_spelling(sociallogin: SocialLogin, email: str) -> bool:
    """Whether an address is what the provider sent, not another that lower-cases to the same text.

    allauth lower-cases addresses first, which turns some non-ASCII letters into ASCII ones.
    """
    originals = (text for text in _all_strings(sociallogin.account.extra_data) if text.lower() == email)
    return all(email_addresses.canonical(text) == email for text in originals)


def _all_strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _all_strings(item)
