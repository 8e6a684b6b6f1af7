from django.db import migrations

_TABLES = ("accessattemptexpiration", "accessattempt", "accesslog", "accessfailurelog")


class Migration(migrations.Migration):
    """Wrong passwords are counted with those of mail programs: the tables that named who tried to sign on go. So do sessions whose keys lay in clear."""

    dependencies = [
        ("directory", "0003_home_node"),
        ("sessions", "0001_initial"),
    ]

    operations = [
        *(migrations.RunSQL(f"DROP TABLE IF EXISTS axes_{name}", migrations.RunSQL.noop) for name in _TABLES),
        migrations.RunSQL("DELETE FROM django_session", migrations.RunSQL.noop),
    ]
