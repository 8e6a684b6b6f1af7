from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "bascule.portal.jobs"
    label = "jobs"
