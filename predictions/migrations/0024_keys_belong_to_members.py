import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("predictions", "0023_fill_what_an_account_takes_up")]

    operations = [
        migrations.AlterField(
            model_name=name,
            name="user",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        )
        for name in ("idempotencykey", "unansweredcreate")
    ]
