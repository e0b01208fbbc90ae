"""The dashboard's pages of the orders room: they show everything and edit no status by field; actions call services."""

from apps.orders.admin import catalogue, orders, payments, stock

__all__ = ["catalogue", "orders", "payments", "stock"]
