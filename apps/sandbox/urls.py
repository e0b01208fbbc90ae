from django.urls import path

from apps.sandbox import views

urlpatterns = [
    path("", views.chat, name="sandbox-chat"),
    path("gateway/", views.gateway, name="sandbox-gateway"),
    path("api/<path:what>", views.api, name="sandbox-api"),
]
