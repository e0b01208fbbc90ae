"""A plain unit once sold stays sold, whatever session setting somebody finds; and what the gateway did not bill is found fast."""

import pgtrigger.migrations
from django.db import migrations, models

from apps.base.triggers import guard


class Migration(migrations.Migration):
    dependencies = [("orders", "0006_free_of_charge")]

    operations = [
        pgtrigger.migrations.RemoveTrigger(model_name="seat", name="plain_never_resold"),
        pgtrigger.migrations.RemoveTrigger(model_name="seat", name="kept"),
        guard(
            "orders_seat", "plain_stays_sold", before="UPDATE",
            when="WHEN (NOT OLD.is_shared AND (NEW.is_shared OR (OLD.state = 'sold'"
            " AND (NEW.state <> 'sold' OR NEW.sold_at IS NULL OR NEW.unit_id <> OLD.unit_id))))",
            says="a plain unit once sold stays sold",
        ),
        guard("orders_seat", "seats_are_kept", before="DELETE", when="", says="seats are never deleted"),
        migrations.AddIndex(
            model_name="payment",
            index=models.Index(
                condition=models.Q(("state", "failed"), ("trouble_told", True)), fields=["id"], name="payment_waits"
            ),
        ),
        migrations.AddConstraint(
            model_name="seat",
            constraint=models.CheckConstraint(
                condition=models.Q(models.Q(("state", "sold"), _negated=True), ("sold_at__isnull", False), _connector="OR"),
                name="sold_has_a_time",
            ),
        ),
    ]
