from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0018_purchases_say_what_is_owed"),
    ]

    operations = [
        migrations.AddField(
            model_name="codebatch",
            name="once",
            field=models.CharField(
                editable=False,
                help_text="The digest of the form that made it, once.",
                max_length=64,
                null=True,
                unique=True,
            ),
        ),
    ]
