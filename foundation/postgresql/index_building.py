"""A migration's operation that adds an index to a table which may have millions of rows."""

from typing import Any

from django.db import migrations

from foundation.postgresql.maintenance import maintenance_connection


class BuildIndex(migrations.AddIndex):
    """As AddIndex, but without the time limit of other statements, and without keeping writers out meanwhile.

    For a migration that is not atomic and does nothing else. One that was interrupted is repeated from the beginning.
    """

    atomic = False

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        with maintenance_connection() as connection:
            connection.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {schema_editor.quote_name(self.index.name)}")
            connection.execute(str(self.index.create_sql(model, schema_editor, concurrently=True)))
