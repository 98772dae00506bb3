from django.db import migrations, models

import foundation.postgresql.fields


class Migration(migrations.Migration):
    dependencies = [
        ("memory_app", "0007_patterns_of_acts"),
    ]

    operations = [
        migrations.CreateModel(
            name="IndexWitness",
            fields=[
                ("witness", foundation.postgresql.fields.TextFieldInC(primary_key=True, serialize=False)),
                ("memory", models.BigIntegerField()),
                ("written_at", models.DateTimeField()),
            ],
        ),
    ]
