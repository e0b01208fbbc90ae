"""Fake Telegram and the fake gateways in one process of their own. They import nothing of the shop but, by place, each
gateway's twin (fakes/gateways.py), and the shop imports nothing of them.

As strict as the real ones, with their state on disk: a killed fake forgets nothing. They serve demo, tests and docs
alike."""
