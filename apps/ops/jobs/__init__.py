"""Long work (backup, proof, restore, drills): a row each, run by a process of its own, never by bot or worker."""
