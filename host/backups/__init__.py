"""Backups without Django: the bundle, the programs of PostgreSQL, the places they are kept, and how long."""
