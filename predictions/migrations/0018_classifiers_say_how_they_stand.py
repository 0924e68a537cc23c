from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("predictions", "0017_days_are_summed_and_outputs_counted")]

    operations: ClassVar = [
        migrations.AddField(
            model_name="promptrule",
            name="negative",
            field=models.BooleanField(
                default=False,
                help_text="Also searches what a picture should not show; mostly that is innocent.",
                verbose_name="negative prompts too",
            ),
        ),
        migrations.AddField(
            model_name="classifier",
            name="answered_at",
            field=models.DateTimeField(editable=False, null=True, verbose_name="last answer"),
        ),
        migrations.AddField(
            model_name="classifier",
            name="failed_at",
            field=models.DateTimeField(editable=False, null=True, verbose_name="last failure"),
        ),
        migrations.AddField(
            model_name="classifier",
            name="failure",
            field=models.CharField(
                blank=True, default="", editable=False, max_length=300, verbose_name="what happened"
            ),
        ),
    ]
