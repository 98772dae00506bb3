from django.db import migrations, models

import foundation.postgresql.fields


class Migration(migrations.Migration):
    dependencies = [
        ("memory_app", "0004_node_rebuilt"),
    ]

    operations = [
        migrations.CreateModel(
            name="Retirement",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "memory", "name", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("memory", models.BigIntegerField()),
                ("name", models.BinaryField()),
                ("purged", models.BooleanField(db_default=False)),
            ],
            options={
                "indexes": [
                    models.Index(condition=models.Q(("purged", False)), fields=["memory", "name"], name="not_purged"),
                ],
            },
        ),
        migrations.AddField(
            model_name="node",
            name="acts_version",
            field=models.BigIntegerField(db_default=0),
        ),
        migrations.AddField(
            model_name="pattern",
            name="felt",
            field=foundation.postgresql.fields.VerbatimJSONField(null=True),
        ),
        migrations.CreateModel(
            name="PatternAct",
            fields=[
                ("number", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[("retired", "Retired"), ("un-retired", "Un Retired"), ("purged", "Purged")],
                        max_length=10,
                    ),
                ),
                ("node_id", foundation.postgresql.fields.TextFieldInC(db_collation="C")),
                ("memory", models.BigIntegerField()),
                ("name", models.BinaryField()),
                ("happened_at", models.DateTimeField()),
                ("key_id", models.TextField(null=True)),
                ("user", models.TextField(null=True)),
                ("trace_id", models.TextField(null=True)),
                ("why", models.TextField(null=True)),
                ("frequency", models.BigIntegerField(null=True)),
                ("exact", models.BooleanField(null=True)),
                ("changed", foundation.postgresql.fields.TransactionIdField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["memory", "changed"], name="act_of_memory"),
                    models.Index(fields=["changed"], name="act_changed"),
                    models.Index(fields=["node_id", "number"], name="act_of_node"),
                ],
            },
        ),
    ]
