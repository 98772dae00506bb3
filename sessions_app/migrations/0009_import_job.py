from django.db import migrations

import foundation.postgresql.fields


class Migration(migrations.Migration):
    dependencies = [
        ("sessions_app", "0008_contract"),
    ]

    operations = [
        migrations.AlterField(
            model_name="job",
            name="kind",
            field=foundation.postgresql.fields.TextFieldInC(
                choices=[
                    ("observe-sequence", "Observe Sequence"),
                    ("finalize-training", "Finalize Training"),
                    ("train", "Train"),
                    ("import", "Import"),
                ],
                db_collation="C",
            ),
        ),
    ]
