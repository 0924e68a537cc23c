from __future__ import annotations

from django.db import migrations, models
from django.db.models import F, Q


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0024_debts_and_disputes_of_before"),
    ]

    operations = [
        migrations.AddConstraint(
            model_name="account",
            constraint=models.CheckConstraint(condition=Q(owed__gte=0), name="account_owed_not_negative"),
        ),
        migrations.AddConstraint(
            model_name="purchase",
            constraint=models.CheckConstraint(
                condition=Q(taken_back__gte=0, to_take_back__gte=F("taken_back"), credits__gte=F("to_take_back")),
                name="purchase_takes_back_no_more",
            ),
        ),
    ]
