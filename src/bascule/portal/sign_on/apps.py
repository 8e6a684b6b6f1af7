from django.apps import AppConfig


class SignOnConfig(AppConfig):
    name = "bascule.portal.sign_on"
    label = "sign_on"
