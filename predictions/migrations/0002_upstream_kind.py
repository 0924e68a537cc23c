from django.db import migrations, models

import predictions.providers.kinds


class Migration(migrations.Migration):
    """Which API an upstream speaks. With a default in the database, for processes that do not know the column yet."""

    dependencies = [("predictions", "0001_tables")]

    operations = [
        migrations.AddField(
            model_name="upstream",
            name="kind",
            field=models.CharField(
                choices=predictions.providers.kinds.choices,
                db_default="replicate",
                default="replicate",
                max_length=20,
                verbose_name="kind",
            ),
        ),
    ]
