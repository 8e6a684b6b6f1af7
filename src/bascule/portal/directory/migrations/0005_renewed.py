from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("directory", "0004_counts_elsewhere"),
    ]

    operations = [
        migrations.AddField(
            model_name="mailbox",
            name="renewed_at",
            field=models.DateTimeField(null=True),
        ),
    ]
