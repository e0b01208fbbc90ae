from django.urls import path

from apps.sandbox import inside_views, views

urlpatterns = [
    path("", views.chat, name="sandbox-chat"),
    path("gateway/", views.gateway, name="sandbox-gateway"),
    path("inside/", inside_views.inside, name="inside"),
    path("api/<path:what>", views.api, name="sandbox-api"),
]
