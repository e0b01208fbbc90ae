import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "autoorder.settings")
application = get_wsgi_application()

# loaded before gunicorn forks, so that its processes share it
from apps.base.work.preload import warm_up  # noqa: E402  (needs Django set up)

warm_up()
get_resolver().url_patterns  # noqa: B018
