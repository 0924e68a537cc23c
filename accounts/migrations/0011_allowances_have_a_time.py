from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("accounts", "0010_sign_ins_are_remembered"),
    ]

    operations = [
        migrations.AddField(
            model_name="account",
            name="allowance_until",
            field=models.DateTimeField(
                editable=False,
                help_text="When the next allowance is to be looked at; empty: soon.",
                null=True,
            ),
        ),
        migrations.AddIndex(
            model_name="account",
            index=models.Index(
                condition=models.Q(("plan__isnull", False)),
                fields=["allowance_until"],
                name="account_allowance_due",
            ),
        ),
    ]
