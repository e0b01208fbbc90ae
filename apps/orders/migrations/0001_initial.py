import apps.base.clock
import apps.base.fields
import apps.base.ids
import apps.orders.models.order
import django.core.validators
import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models

from apps.base.triggers import guard


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('bot', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Category',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=40, unique=True)),
                ('emoji', models.CharField(blank=True, default='', max_length=8)),
                ('position', models.PositiveIntegerField(default=0)),
            ],
            options={
                'ordering': ['position', 'name'],
            },
        ),
        migrations.CreateModel(
            name='GatewayLane',
            fields=[
                ('name', models.CharField(max_length=40, primary_key=True, serialize=False)),
                ('free_at', models.DateTimeField()),
                ('failures', models.PositiveIntegerField(default=0)),
                ('open_until', models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name='GatewayEvent',
            fields=[
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('next_at', models.DateTimeField(blank=True, db_default=apps.base.clock.ShopNow(), null=True)),
                ('rung_at', models.DateTimeField(blank=True, null=True)),
                ('claimed_until', models.DateTimeField(blank=True, null=True)),
                ('last_error', models.TextField(blank=True, default='')),
                ('dead_at', models.DateTimeField(blank=True, null=True)),
                ('id', models.UUIDField(default=apps.base.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('gateway', models.CharField(max_length=20)),
                ('accepted', models.BooleanField()),
                ('reason', models.CharField(blank=True, default='', max_length=80)),
                ('transaction', models.CharField(blank=True, default='', max_length=80)),
                ('reference', models.CharField(blank=True, default='', max_length=80)),
                ('status', models.CharField(blank=True, default='', max_length=40)),
                ('body', apps.base.fields.EncryptedTextField(column_name='gateway_event.body')),
                ('times', models.PositiveIntegerField(default=1)),
                ('asked', models.PositiveSmallIntegerField(default=0)),
                ('stored_at', models.DateTimeField(db_default=apps.base.clock.ShopNow())),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('next_at__isnull', False)), fields=['next_at'], name='event_due'), models.Index(condition=models.Q(('dead_at__isnull', False)), fields=['-dead_at'], name='event_dead'), models.Index(fields=['reference'], name='event_reference'), models.Index(condition=models.Q(('accepted', False)), fields=['-id'], name='event_refused')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('accepted', True)), fields=('gateway', 'transaction', 'status'), name='event_once')],
            },
        ),
        migrations.CreateModel(
            name='Order',
            fields=[
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('next_at', models.DateTimeField(blank=True, db_default=apps.base.clock.ShopNow(), null=True)),
                ('rung_at', models.DateTimeField(blank=True, null=True)),
                ('claimed_until', models.DateTimeField(blank=True, null=True)),
                ('last_error', models.TextField(blank=True, default='')),
                ('dead_at', models.DateTimeField(blank=True, null=True)),
                ('id', models.UUIDField(default=apps.base.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('number', models.CharField(default=apps.orders.models.order.order_number, max_length=12, unique=True)),
                ('state', models.CharField(default='awaiting_payment', max_length=20)),
                ('total', models.PositiveIntegerField()),
                ('token', models.CharField(default=apps.orders.models.order.order_token, max_length=40, unique=True)),
                ('review', models.CharField(blank=True, default='', max_length=20)),
                ('created_at', models.DateTimeField(db_default=apps.base.clock.ShopNow())),
                ('expires_at', models.DateTimeField()),
                ('paid_at', models.DateTimeField(blank=True, null=True)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('buyer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='orders', to='bot.chat')),
            ],
        ),
        migrations.CreateModel(
            name='Payment',
            fields=[
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('next_at', models.DateTimeField(blank=True, db_default=apps.base.clock.ShopNow(), null=True)),
                ('rung_at', models.DateTimeField(blank=True, null=True)),
                ('claimed_until', models.DateTimeField(blank=True, null=True)),
                ('last_error', models.TextField(blank=True, default='')),
                ('dead_at', models.DateTimeField(blank=True, null=True)),
                ('id', models.UUIDField(default=apps.base.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('gateway', models.CharField(max_length=20)),
                ('reference', models.CharField(max_length=20, unique=True)),
                ('transaction', models.CharField(blank=True, default='', max_length=80)),
                ('state', models.CharField(default='created', max_length=12)),
                ('amount', models.PositiveIntegerField()),
                ('total_payment', models.PositiveIntegerField(blank=True, null=True)),
                ('fee', models.PositiveIntegerField(default=0)),
                ('received', models.PositiveIntegerField(blank=True, null=True)),
                ('qr', apps.base.fields.EncryptedTextField(column_name='payment.qr', null=True)),
                ('pay_before', models.DateTimeField(blank=True, null=True)),
                ('shown_at', models.DateTimeField(blank=True, null=True)),
                ('asked_at', models.DateTimeField(blank=True, null=True)),
                ('cancel_asked_at', models.DateTimeField(blank=True, null=True)),
                ('review', models.CharField(blank=True, default='', max_length=12)),
                ('trouble_told', models.BooleanField(default=False)),
                ('created_at', models.DateTimeField(db_default=apps.base.clock.ShopNow())),
                ('confirmed_at', models.DateTimeField(blank=True, null=True)),
                ('closed_at', models.DateTimeField(blank=True, null=True)),
                ('order', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='payments', to='orders.order')),
            ],
        ),
        migrations.CreateModel(
            name='LedgerEntry',
            fields=[
                ('id', models.UUIDField(default=apps.base.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('at', models.DateTimeField(db_default=apps.base.clock.ShopNow())),
                ('account', models.CharField(max_length=14)),
                ('amount', models.BigIntegerField()),
                ('currency', models.CharField(default='IDR', max_length=3)),
                ('order', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='ledger', to='orders.order')),
                ('payment', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='ledger', to='orders.payment')),
            ],
        ),
        migrations.CreateModel(
            name='Product',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False)),
                ('code', models.SlugField(max_length=40, unique=True)),
                ('name', models.CharField(max_length=60)),
                ('description', models.TextField(blank=True, default='', max_length=2000)),
                ('kind', models.CharField(default='stock', max_length=10)),
                ('terms', models.TextField(blank=True, default='', max_length=20000)),
                ('account_fields', models.CharField(blank=True, default='', max_length=120)),
                ('is_active', models.BooleanField(default=True)),
                ('is_hidden', models.BooleanField(default=False)),
                ('min_quantity', models.PositiveSmallIntegerField(default=1, validators=[django.core.validators.MinValueValidator(1)])),
                ('max_quantity', models.PositiveSmallIntegerField(default=10, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000)])),
                ('warranty_days', models.PositiveSmallIntegerField(default=0)),
                ('questions', models.JSONField(blank=True, default=list)),
                ('promised_minutes', models.PositiveIntegerField(default=60)),
                ('position', models.PositiveIntegerField(default=0)),
                ('changed_at', models.DateTimeField(auto_now=True)),
                ('category', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='products', to='orders.category')),
                ('picture', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='bot.picture')),
            ],
            options={
                'ordering': ['position', 'name', 'id'],
            },
        ),
        migrations.CreateModel(
            name='RefusedCount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False)),
                ('gateway', models.CharField(max_length=20)),
                ('hour', models.DateTimeField()),
                ('times', models.PositiveIntegerField(default=0)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('gateway', 'hour'), name='refused_once')],
            },
        ),
        migrations.CreateModel(
            name='StockUnit',
            fields=[
                ('id', models.UUIDField(default=apps.base.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('content', apps.base.fields.EncryptedTextField(column_name='stock_unit.content')),
                ('content_hash', models.BinaryField(max_length=33)),
                ('off_sale_at', models.DateTimeField(blank=True, null=True)),
                ('withdrawn_at', models.DateTimeField(blank=True, null=True)),
                ('added_at', models.DateTimeField(db_default=apps.base.clock.ShopNow())),
                ('product', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='units', to='orders.product')),
            ],
        ),
        migrations.CreateModel(
            name='OrderLine',
            fields=[
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('next_at', models.DateTimeField(blank=True, db_default=apps.base.clock.ShopNow(), null=True)),
                ('rung_at', models.DateTimeField(blank=True, null=True)),
                ('claimed_until', models.DateTimeField(blank=True, null=True)),
                ('last_error', models.TextField(blank=True, default='')),
                ('dead_at', models.DateTimeField(blank=True, null=True)),
                ('id', models.UUIDField(default=apps.base.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=110)),
                ('price', models.PositiveIntegerField()),
                ('quantity', models.PositiveSmallIntegerField()),
                ('state', models.CharField(default='waiting', max_length=14)),
                ('answers', apps.base.fields.EncryptedJSONField(column_name='order_line.answers', null=True)),
                ('made_text', apps.base.fields.EncryptedTextField(column_name='order_line.made_text', null=True)),
                ('made_file', apps.base.fields.EncryptedBytesField(column_name='order_line.made_file', null=True)),
                ('made_file_name', models.CharField(blank=True, default='', max_length=80)),
                ('duration_days', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('promised_at', models.DateTimeField(blank=True, null=True)),
                ('remind_at', models.DateTimeField(blank=True, null=True)),
                ('refund_to', apps.base.fields.EncryptedTextField(column_name='order_line.refund_to', null=True)),
                ('refunded_at', models.DateTimeField(blank=True, null=True)),
                ('ends_at', models.DateTimeField(blank=True, null=True)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('sent_at', models.DateTimeField(blank=True, null=True)),
                ('untold', models.BooleanField(default=False)),
                ('order', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='lines', to='orders.order')),
                ('renews', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='renewals', to='orders.orderline')),
                ('product', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='orders.product')),
                ('content', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='orders.stockunit')),
            ],
        ),
        migrations.CreateModel(
            name='Variant',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False)),
                ('name', models.CharField(blank=True, default='', max_length=40)),
                ('price', models.PositiveIntegerField(validators=[django.core.validators.MinValueValidator(1)])),
                ('cost', models.PositiveIntegerField(blank=True, null=True)),
                ('duration_days', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('seats_per_unit', models.PositiveSmallIntegerField(default=1, validators=[django.core.validators.MinValueValidator(1)])),
                ('content_limit', models.PositiveIntegerField(blank=True, null=True)),
                ('is_active', models.BooleanField(default=True)),
                ('position', models.PositiveIntegerField(default=0)),
                ('product', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='variants', to='orders.product')),
            ],
            options={
                'ordering': ['position', 'price', 'id'],
            },
        ),
        migrations.AddField(
            model_name='stockunit',
            name='variant',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='units', to='orders.variant'),
        ),
        migrations.CreateModel(
            name='StockAlert',
            fields=[
                ('id', models.UUIDField(default=apps.base.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('chat', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='bot.chat')),
                ('variant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='orders.variant')),
            ],
        ),
        migrations.CreateModel(
            name='Seat',
            fields=[
                ('id', models.UUIDField(default=apps.base.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('number', models.PositiveSmallIntegerField(default=1)),
                ('sequence', models.BigIntegerField(default=apps.base.ids.sequence_number, editable=False)),
                ('label', apps.base.fields.EncryptedTextField(column_name='seat.label', null=True)),
                ('is_shared', models.BooleanField(default=False)),
                ('state', models.CharField(default='available', max_length=12)),
                ('sold_at', models.DateTimeField(blank=True, null=True)),
                ('line', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='seats', to='orders.orderline')),
                ('unit', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='seats', to='orders.stockunit')),
                ('variant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='seats', to='orders.variant')),
            ],
        ),
        migrations.AddField(
            model_name='orderline',
            name='variant',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='orders.variant'),
        ),
        migrations.CreateModel(
            name='CartItem',
            fields=[
                ('id', models.UUIDField(default=apps.base.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('quantity', models.PositiveSmallIntegerField()),
                ('chat', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='cart', to='bot.chat')),
                ('variant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='orders.variant')),
            ],
        ),
        migrations.AddIndex(
            model_name='order',
            index=models.Index(condition=models.Q(('next_at__isnull', False)), fields=['next_at'], name='order_due'),
        ),
        migrations.AddIndex(
            model_name='order',
            index=models.Index(condition=models.Q(('dead_at__isnull', False)), fields=['-dead_at'], name='order_dead'),
        ),
        migrations.AddIndex(
            model_name='order',
            index=models.Index(fields=['buyer', '-created_at'], name='order_of_buyer'),
        ),
        migrations.AddIndex(
            model_name='order',
            index=models.Index(condition=models.Q(('state', 'awaiting_payment')), fields=['buyer'], name='order_open'),
        ),
        migrations.AddIndex(
            model_name='order',
            index=models.Index(condition=models.Q(('paid_at__isnull', False)), fields=['paid_at'], name='order_paid'),
        ),
        migrations.AddIndex(
            model_name='order',
            index=models.Index(condition=models.Q(('state__in', ['paid', 'needs_review'])), fields=['state'], name='order_in_work'),
        ),
        migrations.AddConstraint(
            model_name='order',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state__in', ['paid', 'delivered']), _negated=True), ('paid_at__isnull', False), _connector='OR'), name='paid_has_a_time'),
        ),
        migrations.AddIndex(
            model_name='payment',
            index=models.Index(condition=models.Q(('next_at__isnull', False)), fields=['next_at'], name='payment_due'),
        ),
        migrations.AddIndex(
            model_name='payment',
            index=models.Index(condition=models.Q(('dead_at__isnull', False)), fields=['-dead_at'], name='payment_dead'),
        ),
        migrations.AddIndex(
            model_name='payment',
            index=models.Index(condition=models.Q(('transaction', ''), _negated=True), fields=['gateway', 'transaction'], name='payment_transaction'),
        ),
        migrations.AddIndex(
            model_name='payment',
            index=models.Index(condition=models.Q(('state', 'created')), fields=['id'], name='payment_uncreated'),
        ),
        migrations.AddIndex(
            model_name='payment',
            index=models.Index(condition=models.Q(('review', ''), _negated=True), fields=['review'], name='payment_review'),
        ),
        migrations.AddIndex(
            model_name='payment',
            index=models.Index(condition=models.Q(('state', 'failed'), ('trouble_told', True)), fields=['id'], name='payment_waits'),
        ),
        migrations.AddConstraint(
            model_name='payment',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'confirmed'), _negated=True), models.Q(('confirmed_at__isnull', False), ('received__isnull', False)), _connector='OR'), name='confirmed_has_money'),
        ),
        migrations.AddConstraint(
            model_name='payment',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gt', 0)), name='payment_amount'),
        ),
        migrations.AddConstraint(
            model_name='ledgerentry',
            constraint=models.CheckConstraint(condition=models.Q(('amount', 0), _negated=True), name='ledger_amount'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='ledgerentry',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='87898ccbd02c1d27865c978c67bc0e68d634bca6', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_bc8a1', table='orders_ledgerentry', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='ledgerentry',
            trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'this table is append-only';", hash='b4e3c21cdefe914895ded139bed3c4cac501780b', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_f589e', table='orders_ledgerentry', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='product',
            constraint=models.CheckConstraint(condition=models.Q(('max_quantity__gte', models.F('min_quantity')), ('min_quantity__gte', 1)), name='product_quantities'),
        ),
        migrations.AddConstraint(
            model_name='variant',
            constraint=models.UniqueConstraint(fields=('product', 'name'), name='variant_once'),
        ),
        migrations.AddConstraint(
            model_name='stockunit',
            constraint=models.UniqueConstraint(condition=models.Q(('withdrawn_at__isnull', True)), fields=('product', 'content_hash'), name='unit_once'),
        ),
        migrations.AddConstraint(
            model_name='stockalert',
            constraint=models.UniqueConstraint(fields=('variant', 'chat'), name='stock_alert_once'),
        ),
        migrations.AddIndex(
            model_name='seat',
            index=models.Index(condition=models.Q(('state', 'available')), fields=['variant', 'sequence'], name='seat_available'),
        ),
        migrations.AddIndex(
            model_name='seat',
            index=models.Index(condition=models.Q(('state', 'reserved')), fields=['variant'], name='seat_reserved'),
        ),
        migrations.AddConstraint(
            model_name='seat',
            constraint=models.UniqueConstraint(fields=('unit', 'number'), name='seat_once'),
        ),
        migrations.AddConstraint(
            model_name='seat',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('line__isnull', False), ('state__in', ['reserved', 'sold'])), models.Q(('line__isnull', True), ('state__in', ['available', 'withdrawn'])), ('state', 'quarantined'), _connector='OR'), name='seat_bound_when_taken'),
        ),
        migrations.AddConstraint(
            model_name='seat',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'sold'), _negated=True), ('sold_at__isnull', False), _connector='OR'), name='sold_has_a_time'),
        ),
        migrations.AddIndex(
            model_name='orderline',
            index=models.Index(condition=models.Q(('next_at__isnull', False)), fields=['next_at'], name='line_due'),
        ),
        migrations.AddIndex(
            model_name='orderline',
            index=models.Index(condition=models.Q(('dead_at__isnull', False)), fields=['-dead_at'], name='line_dead'),
        ),
        migrations.AddIndex(
            model_name='orderline',
            index=models.Index(condition=models.Q(('state__in', ['allocated', 'by_hand', 'undeliverable'])), fields=['state'], name='line_in_work'),
        ),
        migrations.AddIndex(
            model_name='orderline',
            index=models.Index(condition=models.Q(('untold', True)), fields=['id'], name='line_untold'),
        ),
        migrations.AddIndex(
            model_name='orderline',
            index=models.Index(condition=models.Q(('refunded_at__isnull', True), ('state', 'returned')), fields=['id'], name='line_owed'),
        ),
        migrations.AddConstraint(
            model_name='orderline',
            constraint=models.UniqueConstraint(fields=('order', 'variant'), name='line_once'),
        ),
        migrations.AddConstraint(
            model_name='orderline',
            constraint=models.CheckConstraint(condition=models.Q(('quantity__gte', 1)), name='line_amounts'),
        ),
        migrations.AddConstraint(
            model_name='cartitem',
            constraint=models.UniqueConstraint(fields=('chat', 'variant'), name='cart_item_once'),
        ),
        guard(
            "orders_seat", "plain_stays_sold", before="UPDATE",
            when="WHEN (NOT OLD.is_shared AND (NEW.is_shared OR (OLD.state = 'sold'"
            " AND (NEW.state <> 'sold' OR NEW.sold_at IS NULL OR NEW.unit_id <> OLD.unit_id))))",
            says="a plain unit once sold stays sold",
        ),
        guard("orders_seat", "seats_are_kept", before="DELETE", when="", says="seats are never deleted"),
    ]
