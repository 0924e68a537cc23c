from __future__ import annotations

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0017_plans_have_prices_of_their_own"),
    ]

    operations = [
        migrations.AddField(
            model_name="purchase",
            name="owed",
            field=models.PositiveIntegerField(
                default=0,
                help_text="In the smallest unit: paid for an account that was closed, so it goes back.",
                verbose_name="owed to the buyer",
            ),
        ),
        migrations.AddField(
            model_name="purchase",
            name="refund_failed",
            field=models.BooleanField(
                default=False,
                help_text="Since then the provider is asked what was paid back, and its events are not added up.",
                verbose_name="a payment back failed",
            ),
        ),
        migrations.AddField(
            model_name="purchase",
            name="look_at",
            field=models.DateTimeField(
                editable=False, help_text="When the provider is asked next what was paid back.", null=True
            ),
        ),
        migrations.AddField(
            model_name="purchase",
            name="looks",
            field=models.PositiveSmallIntegerField(default=0, editable=False),
        ),
        migrations.AddIndex(
            model_name="purchase",
            index=models.Index(
                name="purchase_to_look", fields=["look_at"], condition=Q(look_at__isnull=False)
            ),
        ),
    ]
