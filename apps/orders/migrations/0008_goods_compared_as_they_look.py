"""The lookup hash of goods ignores edges, spaces and what is invisible: what is in stock already gets the new one."""

from django.db import IntegrityError, migrations, transaction

from apps.orders.models.stock import content_hash

BATCH = 2000


def hash_again(apps, schema_editor):
    """Where two units turn out to be the same goods, the one sold or added first keeps the key; the other keeps its old hash."""
    units = apps.get_model("orders", "StockUnit")
    for unit in units.objects.order_by("id").iterator(chunk_size=BATCH):
        mark = content_hash(unit.content)
        if bytes(unit.content_hash) != mark:
            try:
                with transaction.atomic():
                    units.objects.filter(pk=unit.pk).update(content_hash=mark)
            except IntegrityError:
                continue


class Migration(migrations.Migration):
    dependencies = [("orders", "0007_seats_that_stay_sold")]
    # backwards there is nothing to do: a hash of either kind only finds duplicates
    operations = [migrations.RunPython(hash_again, migrations.RunPython.noop)]
