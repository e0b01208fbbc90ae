from apps.orders.models.catalogue import Category, Product, Variant
from apps.orders.models.ledger import LedgerEntry
from apps.orders.models.order import CartItem, Order, OrderLine, StockAlert
from apps.orders.models.payment import GatewayEvent, GatewayLane, Payment, RefusedCount
from apps.orders.models.stock import Seat, StockUnit

__all__ = [
    "CartItem",
    "Category",
    "GatewayEvent",
    "GatewayLane",
    "LedgerEntry",
    "Order",
    "OrderLine",
    "Payment",
    "Product",
    "RefusedCount",
    "Seat",
    "StockAlert",
    "StockUnit",
    "Variant",
]
