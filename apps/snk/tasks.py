"""Rung by name from orders."""

from __future__ import annotations

from uuid import UUID

from apps.base.work.registered_tasks import task
from apps.snk import services


@task
def send_terms(order_id: str) -> None:
    """ORDER_PAID: the SNK follows the goods."""
    services.dispatch_terms(order_id=UUID(order_id))


@task
def keep_terms(product_id: str) -> None:
    """TERMS_SET: a product's text was written; keep it as a version."""
    services.keep_terms(product_id=int(product_id))
