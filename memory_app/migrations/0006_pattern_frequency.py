from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("memory_app", "0005_retirement"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="pattern",
            index=models.Index(fields=["memory", "frequency", "name"], name="pattern_frequency"),
        ),
    ]
