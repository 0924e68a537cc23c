from django.db import migrations
from django.db.models import OuterRef, Subquery


def fill(apps, schema_editor):
    Delivery = apps.get_model("predictions", "Delivery")
    Prediction = apps.get_model("predictions", "Prediction")
    owner = Prediction.objects.filter(pk=OuterRef("prediction_id")).values("account_id")[:1]
    Delivery.objects.filter(account__isnull=True).update(account_id=Subquery(owner))


class Migration(migrations.Migration):

    dependencies = [("predictions", "0008_deployments_previews_and_the_delivery_log")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop, elidable=True)]
