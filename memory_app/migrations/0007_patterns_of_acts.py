from django.db import migrations, models
from django.db.models import Value

import foundation.postgresql.fields

# One row says who and why, for all patterns of one act: until now each of them said it.
_DIVIDE = """
    WITH act AS (
        SELECT min(number) AS number, memory, kind, changed, node_id
        FROM memory_app_patternact GROUP BY memory, kind, changed, node_id
    )
    INSERT INTO memory_app_patternofact (act, name, frequency, exact)
    SELECT act.number, one.name, one.frequency, one.exact
    FROM memory_app_patternact AS one JOIN act USING (memory, kind, changed, node_id) ORDER BY one.number
"""
_KEEP_ONE = """
    DELETE FROM memory_app_patternact AS one
    WHERE NOT EXISTS (SELECT FROM memory_app_patternofact WHERE act = one.number)
"""
_NEVER_LEARNED = """
    UPDATE memory_app_retirement AS one SET never_learned = true
    WHERE NOT purged AND NOT EXISTS (
        SELECT FROM memory_app_pattern AS pattern WHERE pattern.memory = one.memory AND pattern.name = one.name)
"""


class Migration(migrations.Migration):
    dependencies = [
        ("memory_app", "0006_pattern_frequency"),
    ]

    operations = [
        migrations.CreateModel(
            name="PatternOfAct",
            fields=[
                ("number", models.BigAutoField(primary_key=True, serialize=False)),
                ("act", models.BigIntegerField()),
                ("name", models.BinaryField()),
                ("frequency", models.BigIntegerField(null=True)),
                ("exact", models.BooleanField(null=True)),
            ],
        ),
        migrations.RunSQL(_DIVIDE, migrations.RunSQL.noop),
        migrations.AddIndex(model_name="patternofact", index=models.Index(fields=["act"], name="pattern_of_act")),
        migrations.RunSQL(_KEEP_ONE, migrations.RunSQL.noop),
        migrations.RemoveField(model_name="patternact", name="name"),
        migrations.RemoveField(model_name="patternact", name="frequency"),
        migrations.RemoveField(model_name="patternact", name="exact"),
        migrations.AddField(
            model_name="node",
            name="acts_forgotten",
            field=foundation.postgresql.fields.TransactionIdField(db_default=Value("0")),
        ),
        migrations.AddField(model_name="retirement", name="never_learned", field=models.BooleanField(db_default=False)),
        migrations.RunSQL(_NEVER_LEARNED, migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name="retirement",
            index=models.Index(condition=models.Q(("never_learned", True)), fields=["memory"], name="never_learned"),
        ),
    ]
