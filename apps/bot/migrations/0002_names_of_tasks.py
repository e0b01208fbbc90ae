"""The house was divided into rooms with plain names: messages that name a task by its old place get the new one."""

from django.db import migrations

from apps.base.work.renamed_tasks import rename


class Migration(migrations.Migration):
    dependencies = [("bot", "0001_initial")]
    operations = [rename("bot_outboundmessage", "on_sent"), rename("bot_outboundmessage", "on_failed")]
