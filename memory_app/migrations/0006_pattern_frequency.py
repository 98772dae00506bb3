from django.db import migrations, models

from foundation.postgresql.index_building import BuildIndex


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("memory_app", "0005_retirement"),
    ]

    operations = [
        BuildIndex(
            model_name="pattern",
            index=models.Index(models.F("memory") + 0, "frequency", "name", name="pattern_frequency"),
        ),
    ]
