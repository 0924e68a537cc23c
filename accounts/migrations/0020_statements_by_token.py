from __future__ import annotations

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0019_a_form_makes_codes_once"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="ledgerentry",
            index=models.Index(
                name="ledger_of_token_by_id", fields=["token", "-id"], condition=Q(token__isnull=False)
            ),
        ),
        migrations.RemoveIndex(model_name="ledgerentry", name="ledger_of_token"),
    ]
