from django.db import migrations

import foundation.postgresql.fields


class Migration(migrations.Migration):
    dependencies = [("sessions_app", "0007_session_size")]

    operations = [
        migrations.AddField(
            model_name="session",
            name="contract",
            field=foundation.postgresql.fields.TextFieldInC(null=True),
        ),
    ]
