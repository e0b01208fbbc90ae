import apps.base.clock
import apps.base.fields
import apps.base.ids
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [("base", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name='Chat',
            fields=[
                ('id', models.UUIDField(default=apps.base.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('telegram_hash', models.BinaryField(max_length=33, unique=True)),
                ('telegram_id', apps.base.fields.EncryptedTextField(column_name='chat.telegram_id')),
                ('kind', models.CharField(default='private', max_length=12)),
                ('name', apps.base.fields.EncryptedTextField(column_name='chat.name', null=True)),
                ('username', apps.base.fields.EncryptedTextField(column_name='chat.username', null=True)),
                ('language', models.CharField(default='id', max_length=5)),
                ('blocked_at', models.DateTimeField(blank=True, null=True)),
                ('bot', models.BigIntegerField(blank=True, null=True)),
                ('missed_at', models.DateTimeField(blank=True, null=True)),
                ('album', models.CharField(blank=True, db_default='', default='', max_length=40)),
                ('window_at', models.DateTimeField(blank=True, null=True)),
                ('window_actions', models.PositiveIntegerField(default=0)),
                ('first_seen_at', models.DateTimeField(db_default=apps.base.clock.ShopNow())),
            ],
        ),
        migrations.CreateModel(
            name='Picture',
            fields=[
                ('id', models.UUIDField(default=apps.base.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('content', models.BinaryField()),
                ('content_type', models.CharField(max_length=20)),
                ('sha256', models.BinaryField(max_length=32, unique=True)),
            ],
        ),
        migrations.CreateModel(
            name='ChatSession',
            fields=[
                ('id', models.UUIDField(default=apps.base.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('state', models.CharField(blank=True, default='', max_length=40)),
                ('data', apps.base.fields.EncryptedJSONField(column_name='chat_session.data', default=dict)),
                ('chat', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='session', to='bot.chat')),
            ],
        ),
        migrations.CreateModel(
            name='InboundUpdate',
            fields=[
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('next_at', models.DateTimeField(blank=True, db_default=apps.base.clock.ShopNow(), null=True)),
                ('rung_at', models.DateTimeField(blank=True, null=True)),
                ('claimed_until', models.DateTimeField(blank=True, null=True)),
                ('last_error', models.TextField(blank=True, default='')),
                ('dead_at', models.DateTimeField(blank=True, null=True)),
                ('id', models.UUIDField(default=apps.base.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('bot', models.BigIntegerField()),
                ('update_id', models.BigIntegerField()),
                ('kind', models.CharField(max_length=24)),
                ('body', apps.base.fields.EncryptedJSONField(column_name='inbound_update.body')),
                ('outcome', models.CharField(blank=True, default='', max_length=60)),
                ('stored_at', models.DateTimeField(db_default=apps.base.clock.ShopNow())),
                ('handled_at', models.DateTimeField(blank=True, null=True)),
                ('chat', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='bot.chat')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('next_at__isnull', False)), fields=['next_at'], name='inbound_due'), models.Index(condition=models.Q(('dead_at__isnull', False)), fields=['-dead_at'], name='inbound_dead'), models.Index(condition=models.Q(('next_at__isnull', False)), fields=['chat', 'update_id'], name='inbound_waiting')],
                'constraints': [models.UniqueConstraint(fields=('bot', 'update_id'), name='inbound_once')],
            },
        ),
        migrations.CreateModel(
            name='OutboundMessage',
            fields=[
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('next_at', models.DateTimeField(blank=True, db_default=apps.base.clock.ShopNow(), null=True)),
                ('rung_at', models.DateTimeField(blank=True, null=True)),
                ('claimed_until', models.DateTimeField(blank=True, null=True)),
                ('last_error', models.TextField(blank=True, default='')),
                ('dead_at', models.DateTimeField(blank=True, null=True)),
                ('id', models.UUIDField(default=apps.base.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(max_length=10)),
                ('urgency', models.PositiveSmallIntegerField()),
                ('method', models.CharField(max_length=40)),
                ('payload', apps.base.fields.EncryptedJSONField(column_name='outbound_message.payload')),
                ('file', apps.base.fields.EncryptedBytesField(column_name='outbound_message.file', null=True)),
                ('file_name', models.CharField(blank=True, default='', max_length=80)),
                ('target', models.BigIntegerField(blank=True, null=True)),
                ('replaces', models.BigIntegerField(blank=True, null=True)),
                ('state', models.CharField(default='queued', max_length=10)),
                ('plainness', models.PositiveSmallIntegerField(default=0)),
                ('unknowns', models.PositiveSmallIntegerField(default=0)),
                ('epoch', models.BigIntegerField(default=0)),
                ('expires_at', models.DateTimeField(blank=True, null=True)),
                ('message_id', models.BigIntegerField(blank=True, null=True)),
                ('on_sent', models.CharField(blank=True, default='', max_length=120)),
                ('on_failed', models.CharField(blank=True, default='', max_length=120)),
                ('about', models.CharField(blank=True, default='', max_length=80)),
                ('queued_at', models.DateTimeField(db_default=apps.base.clock.ShopNow())),
                ('sent_at', models.DateTimeField(blank=True, null=True)),
                ('chat', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='outbox', to='bot.chat')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('state', 'queued')), fields=['urgency', 'id'], name='outbound_queued'), models.Index(condition=models.Q(('state', 'sending')), fields=['epoch'], name='outbound_sending'), models.Index(condition=models.Q(('state', 'queued'), ('target__isnull', False)), fields=['chat', 'target'], name='outbound_edits'), models.Index(condition=models.Q(('about', ''), _negated=True), fields=['about'], name='outbound_about'), models.Index(fields=['chat', '-id'], name='outbound_chat'), models.Index(condition=models.Q(('dead_at__isnull', False)), fields=['-dead_at'], name='outbound_dead')],
            },
        ),
        migrations.CreateModel(
            name='PictureFile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False)),
                ('bot', models.BigIntegerField()),
                ('file_id', models.CharField(max_length=200)),
                ('picture', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='files', to='bot.picture')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('bot', 'picture'), name='picture_file_once')],
            },
        ),
    ]
