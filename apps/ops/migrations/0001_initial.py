import apps.base.clock
import apps.base.ids
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True
    replaces = [("ops", name) for name in (
        "0001_drill_reports", "0002_routines", "0003_drill_plants_and_scale", "0004_dead_letters_by_index"
    )]

    dependencies = [("base", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name='Routine',
            fields=[
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('next_at', models.DateTimeField(blank=True, db_default=apps.base.clock.ShopNow(), null=True)),
                ('rung_at', models.DateTimeField(blank=True, null=True)),
                ('claimed_until', models.DateTimeField(blank=True, null=True)),
                ('last_error', models.TextField(blank=True, default='')),
                ('dead_at', models.DateTimeField(blank=True, null=True)),
                ('id', models.UUIDField(default=apps.base.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=40, unique=True)),
                ('memory', models.JSONField(default=dict)),
            ],
        ),
        migrations.CreateModel(
            name='DrillReport',
            fields=[
                ('id', models.UUIDField(default=apps.base.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=40)),
                ('passed', models.BooleanField()),
                ('scale', models.FloatField(db_default=1, default=1)),
                ('planted', models.CharField(blank=True, default='', max_length=250)),
                ('started_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField()),
                ('text', models.TextField()),
                ('signature', models.CharField(max_length=64)),
            ],
            options={
                'indexes': [models.Index(fields=['name', '-ended_at'], name='drill_newest')],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='drillreport',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='85b73e447d1f4c014a3b3ab17f388501965b7c0c', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_3fbf1', table='ops_drillreport', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='drillreport',
            trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'this table is append-only';", hash='50ce13b154d596d9a02a6dcaeda249cfc117ac9b', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_3d409', table='ops_drillreport', when='BEFORE')),
        ),
        migrations.AddIndex(
            model_name='routine',
            index=models.Index(condition=models.Q(('next_at__isnull', False)), fields=['next_at'], name='routine_due'),
        ),
        migrations.AddIndex(
            model_name='routine',
            index=models.Index(condition=models.Q(('dead_at__isnull', False)), fields=['-dead_at'], name='routine_dead'),
        ),
    ]
