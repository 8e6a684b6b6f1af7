from django.db import migrations, models

WHAT = [
    ("revealed", "shown on screen"),
    ("printed", "printed"),
    ("phone", "carried to a phone"),
    ("profile", "settings downloaded"),
    ("practised", "tried"),
    ("changed", "changed"),
    ("renewed", "renewed by an operator"),
    ("phone-done", "phone: done, or none"),
    ("pc-done", "computer: done, or none"),
]


class Migration(migrations.Migration):
    dependencies = [
        ("directory", "0005_renewed"),
    ]

    operations = [
        migrations.AlterField(
            model_name="view",
            name="what",
            field=models.CharField(choices=WHAT, max_length=12),
        ),
    ]
