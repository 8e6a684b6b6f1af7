from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from bascule.portal.directory.models import MEMBER_STATE_NAMES, Banner, Wave


class InstantField(forms.DateTimeField):
    """As a browser's own field gives it, in the institution's zone."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")

    def to_python(self, value: Any) -> datetime | None:
        return super().to_python(value.replace("T", " ") if isinstance(value, str) else value)


class WaveForm(forms.ModelForm):
    credentials_open = InstantField(label=_("Credentials are shown from"))
    switch = InstantField(label=_("Switch (T)"))
    all_assistance = InstantField(label=_("Full assistance from"))
    archive_closes = InstantField(label=_("Archives close"))
    backup_destroyed = InstantField(label=_("Backup is destroyed"))

    class Meta:
        model = Wave
        fields: ClassVar = ["credentials_open", "switch", "all_assistance", "archive_closes", "backup_destroyed"]


class BannerForm(forms.ModelForm):
    text_fr = forms.CharField(label=_("In French"), max_length=500, widget=forms.Textarea(attrs={"rows": 3}))
    text_en = forms.CharField(label=_("In English"), max_length=500, widget=forms.Textarea(attrs={"rows": 3}))

    class Meta:
        model = Banner
        fields: ClassVar = ["level", "text_fr", "text_en"]
        labels: ClassVar = {"level": _("Kind")}


class StateForm(forms.Form):
    state = forms.ChoiceField(choices=[*MEMBER_STATE_NAMES.items(), ("locked", ""), ("unlocked", "")])
