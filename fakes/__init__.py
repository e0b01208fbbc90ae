"""Fake Telegram and fake Pakasir in one process of their own. They import nothing of the shop, and it nothing of them.

As strict as the real ones, with their state on disk: a killed fake forgets nothing. They serve demo, tests and docs
alike."""
