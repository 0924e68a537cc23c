from __future__ import annotations

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import accounts.clock


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0009_bans_remember_what_was"),
    ]

    operations = [
        migrations.CreateModel(
            name="SignIn",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(db_default=accounts.clock.Now(), verbose_name="when")),
                ("succeeded", models.BooleanField(verbose_name="came in")),
                (
                    "how",
                    models.CharField(
                        choices=[
                            ("password", "password"),
                            ("code", "code of an app"),
                            ("recovery", "recovery code"),
                            ("passkey", "passkey"),
                            ("outside", "another service"),
                        ],
                        default="password",
                        max_length=10,
                        verbose_name="how",
                    ),
                ),
                (
                    "network",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="A network, never a whole address.",
                        max_length=50,
                        verbose_name="from",
                    ),
                ),
                ("browser", models.CharField(blank=True, default="", max_length=80, verbose_name="browser")),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sign_ins",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "sign-in",
                "verbose_name_plural": "sign-ins",
                "ordering": ["-id"],
                "indexes": [
                    models.Index(fields=["user", "-id"], name="sign_in_of_user"),
                    models.Index(fields=["at"], name="sign_in_age"),
                ],
            },
        ),
    ]
