from django.db import migrations, models


class Migration(migrations.Migration):
    # No default: the size of a session that is there already, or that the previous version still creates, is unknown.
    dependencies = [
        ("sessions_app", "0006_access"),
    ]

    operations = [
        migrations.AddField(
            model_name="session",
            name="content_bytes",
            field=models.BigIntegerField(null=True),
        ),
    ]
