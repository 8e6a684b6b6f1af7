from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from bascule.portal.credentials.choosing import weakness


class PractiseForm(forms.Form):
    password = forms.CharField(label=_("Your new password"), max_length=200, strip=True)


class ChangeForm(forms.Form):
    current = forms.CharField(label=_("Present mail password"), max_length=200, strip=False)
    new = forms.CharField(label=_("New password"), max_length=200, strip=False, help_text=_("At least 12 characters. A sentence is easy to remember."))  # fmt: skip
    again = forms.CharField(label=_("The same once more"), max_length=200, strip=False)

    def __init__(self, *args: Any, names: Iterable[str] = (), **kwargs: Any) -> None:
        """``names``: what others know of the owner (`choosing.weakness`)."""
        super().__init__(*args, **kwargs)
        self._names = tuple(names)

    def clean_new(self) -> str:
        new: str = self.cleaned_data["new"]
        validate_password(new)
        why = weakness(new, self._names)
        if why is not None:
            raise ValidationError(why)
        return new

    def clean(self) -> dict[str, Any]:
        told = super().clean() or {}
        if "new" in told and told.get("again") != told["new"]:
            self.add_error("again", ValidationError(_("The two are not the same.")))
        return told
