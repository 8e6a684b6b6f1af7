from django.apps import AppConfig


class DirectoryConfig(AppConfig):
    name = "bascule.portal.directory"
    label = "directory"
