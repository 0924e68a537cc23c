from django.db import migrations, models
from django.db.models import Exists, OuterRef, Q


def fill(apps, schema_editor):
    Account = apps.get_model("accounts", "Account")
    ApiToken = apps.get_model("accounts", "ApiToken")
    limited = ApiToken.objects.filter(
        Q(day_limit__isnull=False) | Q(month_limit__isnull=False) | Q(total_limit__isnull=False),
        account_id=OuterRef("pk"),
    )
    Account.objects.filter(Exists(limited)).update(limits_tokens=True)


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0006_webhook_secret_changes'),
    ]

    operations = [
        migrations.AddField(
            model_name='account',
            name='limits_tokens',
            field=models.BooleanField(default=False, editable=False, help_text='Whether any of its tokens has or had a spending limit.'),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),
    ]
