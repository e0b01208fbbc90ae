"""The index by which the broker takes the oldest bell; django-q2 brings none that fits."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("base", "0001_initial"), ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more")]

    operations = [
        migrations.RunSQL(
            "CREATE INDEX base_bell_oldest ON django_q_ormq (key, lock, id)",
            "DROP INDEX base_bell_oldest",
        )
    ]
