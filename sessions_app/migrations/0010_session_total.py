from django.db import migrations, models

_ROW = "INSERT INTO sessions_app_sessiontotal (id, sessions) VALUES (1, 0)"


class Migration(migrations.Migration):
    dependencies = [("sessions_app", "0009_import_job")]

    operations = [
        migrations.CreateModel(
            name="SessionTotal",
            fields=[
                ("id", models.SmallIntegerField(primary_key=True, serialize=False)),
                ("sessions", models.BigIntegerField()),
                ("snapshot", models.TextField(null=True)),
                ("counted_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.RunSQL(_ROW, migrations.RunSQL.noop),
    ]
