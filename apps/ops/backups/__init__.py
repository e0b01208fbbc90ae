"""Backups that are proven: made on schedule, read back from elsewhere, restored, and watched."""
