from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0003_webhook_secret'),
    ]

    operations = [
        migrations.AddField(
            model_name='apitoken',
            name='answer',
            field=models.CharField(choices=[('prediction', 'the prediction, at once'), ('openai', 'the pictures, when they are ready')], default='prediction', help_text='What POST /predictions answers where the request itself does not say.', max_length=16, verbose_name='answer to a create'),
        ),
        migrations.AddConstraint(
            model_name='apitoken',
            constraint=models.CheckConstraint(condition=models.Q(('answer__in', ['prediction', 'openai'])), name='token_answer_known'),
        ),
    ]
