from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("memory_app", "0003_affinity_changed"),
    ]

    operations = [
        migrations.AddField(
            model_name="node",
            name="rebuilt",
            field=models.BigIntegerField(db_default=0),
        ),
    ]
