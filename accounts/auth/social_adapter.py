"""Signing in by another service: which ones the settings name, and whom they may vouch for."""

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

from accounts.auth.forms import turned_away
from accounts.models import User
from accounts.registration import admission, email_addresses


class SocialAdapter(allauth_adapter.DefaultSocialAccountAdapter):
    """Services come from the settings alone. An address opens an account only where both sides have checked it."""

    def list_apps(
        self, request: HttpRequest, provider: str | None = None, client_id: str | None = None
    ) -> list[SocialApp]:
        """Those of the settings; the table of allauth is left empty and not asked."""
        built = allauth_adapter._build_apps_from_settings(provider=provider, client_id=client_id)
        return [app for apps in built.values() for app in apps]

    def authenticate_by_email(self, sociallogin: SocialLogin) -> tuple[User, str] | None:
        """The member who has an address that they have checked here and the service has checked there."""
        for address in sociallogin.email_addresses:
            # Some services write the word, and the word `false` is true in Python.
            said = address.verified is True or str(address.verified).lower() == "true"
            address.verified = said and _was_written_so(sociallogin, address.email)
        app = sociallogin.provider.app
        if app is not None and not app.settings.get("trust_email", True):
            for address in sociallogin.email_addresses:
                address.verified = False
        for address in sociallogin.email_addresses:
            if not address.verified:
                continue
            of_it = EmailAddress.objects.filter(
                email__in=email_addresses.spellings(address.email), verified=True
            )
            found = of_it.select_related("user").first()
            if found is not None:
                return cast(User, found.user), address.email
        return None

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> User:
        """Make the new member, as the form of sign-up does."""
        user = sociallogin.user
        email = str(form.cleaned_data.get("email") or "") if form is not None else user_email(user) or ""
        try:
            if form is None:
                self._check(request, email)
            with admission.opening(request, email) as opening:
                super().save_user(request, sociallogin, form)
                opening.give(user)
        except admission.Refused as refused:
            raise ImmediateHttpResponse(turned_away(request, refused)) from None
        except IntegrityError:
            taken = admission.Refused(_("Somebody just took that name. Please choose another."))
            raise ImmediateHttpResponse(turned_away(request, taken)) from None
        return cast(User, user)

    def _check(self, request: HttpRequest, email: str) -> None:
        invited = admission.invitation_of(request)
        if email and (invited is None or invited.email.lower() != email.lower()):
            try:
                email_addresses.refuse_disposable(email)
            except ValidationError as error:
                raise admission.Refused(error.messages[0]) from None


def _was_written_so(sociallogin: SocialLogin, email: str) -> bool:
    """Whether an address is the one that the service wrote.

    allauth makes small letters of it before anybody sees it, and so of some letters beyond ASCII another address.
    """
    said = (text for text in _texts(sociallogin.account.extra_data) if text.lower() == email)
    return all(email_addresses.folded(text) == email for text in said)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)
