from django import forms
from django.utils.translation import gettext_lazy as _


class SignOnForm(forms.Form):
    username = forms.CharField(
        label=_("Sign-on name"),
        max_length=254,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}),
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=200,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
