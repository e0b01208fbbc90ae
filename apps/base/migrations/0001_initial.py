import apps.base.clock
import apps.base.fields
import apps.base.ids
import datetime
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


# The one clock of the shop: database time plus an offset that only tests, sandbox and drills may set.
SHOP_NOW = """
CREATE FUNCTION shop_now() RETURNS timestamptz LANGUAGE sql STABLE AS
$$ SELECT now() + COALESCE((SELECT ahead FROM public.base_clockoffset WHERE id = 1), interval '0') $$
"""
# by which the broker takes the oldest bell; django-q2 brings none that fits
OLDEST_BELL = "CREATE INDEX base_bell_oldest ON django_q_ormq (key, lock, id)"


class Migration(migrations.Migration):

    initial = True

    dependencies = [("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more")]

    operations = [
        migrations.CreateModel(
            name='ClockOffset',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False)),
                ('ahead', models.DurationField(default=datetime.timedelta(0))),
            ],
        ),
        migrations.RunSQL(SHOP_NOW, "DROP FUNCTION shop_now()"),
        migrations.RunSQL(OLDEST_BELL, "DROP INDEX base_bell_oldest"),
        migrations.CreateModel(
            name='Credential',
            fields=[
                ('id', models.UUIDField(default=apps.base.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=60, unique=True)),
                ('value', apps.base.fields.EncryptedTextField(column_name='credential.value')),
                ('fingerprint', models.BinaryField(max_length=33)),
                ('changed_at', models.DateTimeField(auto_now=True)),
            ],
        ),
        migrations.CreateModel(
            name='Errand',
            fields=[
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('next_at', models.DateTimeField(blank=True, db_default=apps.base.clock.ShopNow(), null=True)),
                ('rung_at', models.DateTimeField(blank=True, null=True)),
                ('claimed_until', models.DateTimeField(blank=True, null=True)),
                ('last_error', models.TextField(blank=True, default='')),
                ('dead_at', models.DateTimeField(blank=True, null=True)),
                ('id', models.UUIDField(default=apps.base.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('task', models.CharField(max_length=120)),
                ('key', models.CharField(max_length=80)),
            ],
        ),
        migrations.CreateModel(
            name='Incident',
            fields=[
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('next_at', models.DateTimeField(blank=True, db_default=apps.base.clock.ShopNow(), null=True)),
                ('rung_at', models.DateTimeField(blank=True, null=True)),
                ('claimed_until', models.DateTimeField(blank=True, null=True)),
                ('last_error', models.TextField(blank=True, default='')),
                ('dead_at', models.DateTimeField(blank=True, null=True)),
                ('id', models.UUIDField(default=apps.base.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('key', models.CharField(max_length=120)),
                ('text', models.CharField(max_length=60)),
                ('data', models.JSONField(default=dict)),
                ('state', models.CharField(default='open', max_length=12)),
                ('times', models.PositiveIntegerField(default=1)),
                ('opened_at', models.DateTimeField(db_default=apps.base.clock.ShopNow())),
                ('last_at', models.DateTimeField(db_default=apps.base.clock.ShopNow())),
                ('resolved_at', models.DateTimeField(blank=True, null=True)),
                ('muted_until', models.DateTimeField(blank=True, null=True)),
                ('told', models.PositiveSmallIntegerField(default=0)),
                ('end_told', models.BooleanField(db_default=False, default=False)),
                ('unheard', models.JSONField(db_default=[], default=list)),
            ],
        ),
        migrations.CreateModel(
            name='Lease',
            fields=[
                ('name', models.CharField(max_length=40, primary_key=True, serialize=False)),
                ('holder', models.CharField(max_length=120)),
                ('host', models.CharField(max_length=120)),
                ('epoch', models.BigIntegerField()),
                ('until', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='StoredSetting',
            fields=[
                ('name', models.CharField(max_length=60, primary_key=True, serialize=False)),
                ('value', models.JSONField()),
            ],
        ),
        migrations.CreateModel(
            name='AuditRow',
            fields=[
                ('id', models.UUIDField(default=apps.base.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('at', models.DateTimeField()),
                ('actor', models.CharField(max_length=80)),
                ('kind', models.CharField(max_length=80)),
                ('subject', models.CharField(max_length=80)),
                ('data', models.JSONField(default=dict)),
                ('mac', models.BinaryField(max_length=32)),
            ],
            options={
                'indexes': [models.Index(fields=['subject', 'id'], name='audit_subject')],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='auditrow',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='861c9d8571c650496d2e32252cd2225833a789be', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_9bfaa', table='base_auditrow', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='auditrow',
            trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'this table is append-only';", hash='f161e6c69a5e0b97920c53d0e999279721104bbb', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_3969e', table='base_auditrow', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='clockoffset',
            constraint=models.CheckConstraint(condition=models.Q(('pk', 1)), name='clock_offset_one_row'),
        ),
        migrations.AddIndex(
            model_name='errand',
            index=models.Index(condition=models.Q(('next_at__isnull', False)), fields=['next_at'], name='errand_due'),
        ),
        migrations.AddIndex(
            model_name='errand',
            index=models.Index(condition=models.Q(('dead_at__isnull', False)), fields=['-dead_at'], name='errand_dead'),
        ),
        migrations.AddIndex(
            model_name='incident',
            index=models.Index(condition=models.Q(('next_at__isnull', False)), fields=['next_at'], name='incident_due'),
        ),
        migrations.AddIndex(
            model_name='incident',
            index=models.Index(condition=models.Q(('dead_at__isnull', False)), fields=['-dead_at'], name='incident_dead'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'resolved'), _negated=True), fields=('key',), name='incident_one_open_per_key'),
        ),
    ]
