"""What buyers say about SNK. Issue 07 fills it: acknowledgement, proof, claims."""

from apps.bot.dialogue.router import Routes

ROUTES = Routes()
