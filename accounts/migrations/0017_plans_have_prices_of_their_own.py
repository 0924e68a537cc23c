from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0016_organisations_have_a_plan"),
    ]

    operations = [
        migrations.AddField(
            model_name="plan",
            name="price_percent",
            field=models.PositiveSmallIntegerField(
                default=100,
                help_text="percent; 100: the price as it stands.",
                verbose_name="pays of every price",
            ),
        ),
        migrations.AddConstraint(
            model_name="plan",
            constraint=models.CheckConstraint(
                condition=Q(price_percent__range=(0, 1000)), name="plan_price_in_bounds"
            ),
        ),
    ]
