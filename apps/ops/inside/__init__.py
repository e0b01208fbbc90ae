"""Sandbox only: what happens inside the shop while somebody plays with the chat page, and the hands that a demo needs.

Served by web under `/sandbox/inside/` when SANDBOX=1, and nowhere else.
"""
