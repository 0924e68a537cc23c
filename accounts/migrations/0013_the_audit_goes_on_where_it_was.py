from django.db import migrations, models

import accounts.clock


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0012_the_record_is_never_changed"),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditMark",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=20, unique=True, verbose_name="of")),
                ("upto", models.BigIntegerField(verbose_name="up to row")),
                ("at", models.DateTimeField(db_default=accounts.clock.Now(), verbose_name="when")),
            ],
            options={
                "verbose_name": "mark of the audit",
                "verbose_name_plural": "marks of the audit",
            },
        ),
    ]
