"""The house was divided into rooms with plain names: rows that name a task by its old place get the new one."""

from django.db import migrations

from apps.base.work.renamed_tasks import rename

# bells of the old names are not needed: the clock rings every due row again
FORGET_BELLS = "DELETE FROM django_q_ormq"


class Migration(migrations.Migration):
    dependencies = [("base", "0001_initial")]
    operations = [rename("base_errand", "task"), migrations.RunSQL(FORGET_BELLS, migrations.RunSQL.noop)]
