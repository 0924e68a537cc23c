"""Users, invitations to sign up, and the sign-in history."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from core.clock import Now
from core.db.prefix_index import PrefixIndex


class User(AbstractUser):
    """A person who signs in. What they own belongs to an account that they act for."""

    display_name = models.CharField(_("display name"), max_length=80, blank=True, default="")
    account = models.ForeignKey(
        "accounts.Account",
        on_delete=models.PROTECT,
        null=True,
        editable=False,
        related_name="+",
        help_text=_("The account this user acts for unless another is chosen."),
    )

    language = models.CharField(
        _("language"),
        max_length=10,
        blank=True,
        default="",
        help_text=_("Of the mails that it gets; empty: the server's."),
    )
    muted_until = models.DateTimeField(
        _("muted until"),
        null=True,
        editable=False,
        help_text=_(
            "Until then it publishes, shares and comments nothing. Written by the one who sanctions."
        ),
    )
    session_epoch = models.PositiveIntegerField(
        default=0,
        editable=False,
        help_text=_("Sessions of an earlier one are worth nothing: counted up to end them all."),
    )
    erased_at = models.DateTimeField(_("erased"), null=True, editable=False)
    sign_up_key = models.CharField(
        max_length=64,
        blank=True,
        default="",
        editable=False,
        help_text=_("A keyed hash of the network it signed up from."),
    )
    invitation = models.ForeignKey(
        "accounts.Invitation",
        on_delete=models.PROTECT,
        null=True,
        editable=False,
        related_name="members",
        verbose_name=_("invitation"),
    )

    class Meta(AbstractUser.Meta):
        indexes: ClassVar = [
            # Includes erased_at, so that members are counted from the index alone.
            models.Index(name="user_joined_or_erased", fields=["date_joined", "erased_at"]),
            # Prefix searches among a million users, and the filters of the admin's list.
            PrefixIndex(name="user_name_begins", fields=["username"]),
            PrefixIndex(name="user_shown_begins", fields=["display_name"]),
            PrefixIndex(name="user_email_begins", fields=["email"]),
            models.Index(name="user_staff", fields=["id"], condition=Q(is_staff=True)),
            models.Index(name="user_superuser", fields=["id"], condition=Q(is_superuser=True)),
            models.Index(name="user_banned", fields=["id"], condition=Q(is_active=False)),
            models.Index(
                name="user_sign_up_network",
                fields=["sign_up_key", "date_joined"],
                condition=~Q(sign_up_key=""),
            ),
        ]

    @property
    def shown_name(self) -> str:
        """The name other people see."""
        return self.display_name or self.username

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """Hash each session must carry: of the password, and of the epoch once all sessions were ended."""
        password = super()._get_session_auth_hash(secret=secret)  # type: ignore[misc]
        if not self.session_epoch:
            return str(password)
        return salted_hmac(
            "accounts.models.User.session_epoch", f"{password}{self.session_epoch}", secret=secret,
            algorithm="sha256",
        ).hexdigest()  # fmt: skip


class Invitation(models.Model):
    """Lets people sign up where registration is by invitation: one address, or a number of users of a link."""

    digest = models.CharField(
        max_length=64, unique=True, editable=False, help_text=_("SHA-256 of its secret.")
    )
    hint = models.CharField(_("ends in"), max_length=8, blank=True, default="", editable=False)
    email = models.EmailField(
        _("for"), blank=True, default="", help_text=_("Empty: for whoever has the link.")
    )
    note = models.CharField(_("note"), max_length=200, blank=True, default="")
    uses_left = models.PositiveIntegerField(_("uses left"), default=1)
    grant = models.BigIntegerField(
        _("credits on top"), default=0, help_text=_("micro-credits, beside the welcome credits")
    )
    plan = models.ForeignKey(
        "accounts.Plan",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("plan"),
    )
    made_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, editable=False, related_name="+")
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return self.email or self.note or f"…{self.hint}"


class SignIn(models.Model):
    """A sign-in or a refused attempt. Written by `accounts.sessions.login_history` alone, kept for 90 days."""

    class How(models.TextChoices):
        PASSWORD = "password", _("password")
        CODE = "code", _("code of an app")
        RECOVERY = "recovery", _("recovery code")
        PASSKEY = "passkey", _("passkey")
        OUTSIDE = "outside", _("another service")

    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="sign_ins")
    at = models.DateTimeField(_("when"), db_default=Now())
    succeeded = models.BooleanField(_("came in"))
    how = models.CharField(_("how"), max_length=10, choices=How, default=How.PASSWORD)
    network = models.CharField(
        _("from"), max_length=50, blank=True, default="", help_text=_("A network, never a whole address.")
    )
    browser = models.CharField(_("browser"), max_length=80, blank=True, default="")

    class Meta:
        verbose_name = _("sign-in")
        verbose_name_plural = _("sign-ins")
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(name="sign_in_of_user", fields=["user", "-id"]),
            models.Index(name="sign_in_age", fields=["at"]),
        ]

    def __str__(self) -> str:
        return f"{self.user or '–'} · {self.get_how_display()}"
