from django.apps import AppConfig


class ShellConfig(AppConfig):
    name = "bascule.portal.shell"
    label = "shell"
