from django.apps import AppConfig


class HomeConfig(AppConfig):
    name = "bascule.portal.home"
    label = "home"
