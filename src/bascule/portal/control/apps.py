from django.apps import AppConfig


class ControlConfig(AppConfig):
    name = "bascule.portal.control"
    label = "control"
