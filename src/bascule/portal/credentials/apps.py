from django.apps import AppConfig


class CredentialsConfig(AppConfig):
    name = "bascule.portal.credentials"
    label = "credentials"
