from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from bascule.campaign.instants import usual_calendar
from bascule.campaign.sheets import member_list
from bascule.portal.directory.models import MEMBER_STATE_NAMES, Banner, Wave
from bascule.terms.phases import CalendarError, MemberCalendar


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


class WaveNameForm(forms.ModelForm):
    title = forms.CharField(label=_("What people call it"), max_length=120)
    is_pilot = forms.BooleanField(label=_("Its members go first, to try"), required=False)

    class Meta:
        model = Wave
        fields: ClassVar = ["title", "is_pilot"]


class NewWaveForm(forms.Form):
    """The other instants follow from T (`bascule.campaign.instants.usual_calendar`)."""

    title = WaveNameForm.base_fields["title"]
    is_pilot = WaveNameForm.base_fields["is_pilot"]
    switch = WaveForm.base_fields["switch"]

    def calendar(self) -> MemberCalendar | None:
        """None where it can't be: the form says why."""
        try:
            return usual_calendar(self.cleaned_data["switch"], timezone.get_current_timezone())
        except CalendarError:
            self.add_error("switch", _("One of the dates that follow from it falls on an hour that clocks skip or repeat. Choose another hour."))  # fmt: skip
            return None


class MoveForm(forms.Form):
    wave = forms.ModelChoiceField(Wave.objects.all(), to_field_name="name", empty_label=None)


class BannerForm(forms.ModelForm):
    text_fr = forms.CharField(label=_("In French"), max_length=500, widget=forms.Textarea(attrs={"rows": 3}))
    text_en = forms.CharField(label=_("In English"), max_length=500, widget=forms.Textarea(attrs={"rows": 3}))

    class Meta:
        model = Banner
        fields: ClassVar = ["level", "text_fr", "text_en"]
        labels: ClassVar = {"level": _("Kind")}


class StateForm(forms.Form):
    state = forms.ChoiceField(choices=[*MEMBER_STATE_NAMES.items(), ("locked", ""), ("unlocked", "")])


class ListForm(forms.Form):
    """A list to compare. Checked in full when it is read: only its size is known here."""

    MOST_OCTETS = 20_000_000
    """100,000 members take about 10 MB; the file stays in memory, because it may hold passwords."""

    file = forms.FileField(label=_("The list, as CSV"), required=False)
    wave = forms.ModelChoiceField(Wave.objects.all(), label=_("Wave of new members whose line names none"), to_field_name="name", empty_label=None)  # fmt: skip
    complete = forms.BooleanField(label=_("The list is complete: who is not on it has left"), required=False)

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file is None:
            raise forms.ValidationError(_("Choose a file of at most 20 MB, saved as “CSV UTF-8”."))
        return file


class LdapForm(forms.Form):
    """The same, of the institution's directory."""

    wave = ListForm.base_fields["wave"]
    complete = ListForm.base_fields["complete"]


class PersonForm(forms.Form):
    """A list of one line. What is wrong with it is said where it is compared, as of any list."""

    name = forms.CharField(label=_("Name"), max_length=200)
    sign_on = forms.CharField(label=_("Sign-on name"), max_length=200)
    address = forms.CharField(label=_("Primary address"), max_length=250)
    office = forms.CharField(label=_("Office"), max_length=200, required=False)
    wave = ListForm.base_fields["wave"]
    complete = forms.BooleanField(required=False, disabled=True, initial=False)

    def as_list(self) -> str:
        columns = ("name", "sign_on", "address", "office")
        return member_list([columns, [self.cleaned_data[column] for column in columns]])
