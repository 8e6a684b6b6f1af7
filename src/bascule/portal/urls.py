"""Every address of the portal. `tests/portal/test_every_page.py` walks them with every role."""

from allauth.account import views as account_views
from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from bascule.portal.control import lists, mailboxes, moving, overview, people, sign_ins, telling, waves, work
from bascule.portal.credentials import looked_after
from bascule.portal.credentials import views as credentials
from bascule.portal.home import personal_data
from bascule.portal.home import views as home
from bascule.portal.shell import views as shell
from bascule.portal.sign_on import cas
from bascule.portal.sign_on import views as sign_on

urlpatterns: list[URLPattern | URLResolver] = [
    path("", home.home, name="home"),
    path("steps/<slug:step>", home.tick, name="tick"),
    path("look.css", shell.look, name="look"),
    path("logo", shell.logo, name="logo"),
    path("language", shell.language, name="language"),
    path("personal-data", personal_data.page, name="personal-data"),
    path("personal-data/mine.json", personal_data.extract, name="extract"),
    path("sign-on", sign_on.sign_on, name="sign-on"),
    path("sign-on", sign_on.sign_on, name="account_login"),
    path("sign-off", sign_on.sign_out, name="sign-out"),
    path("sign-off", sign_on.sign_out, name="account_logout"),
    path("sign-on/again", account_views.reauthenticate, name="account_reauthenticate"),
    path("sign-on/second-factor/", include("allauth.mfa.urls")),
    path("credentials", credentials.credentials, name="credentials"),
    path("credentials/password", credentials.reveal, name="reveal"),
    path("credentials/sheet", credentials.sheet, name="sheet"),
    path("credentials/try", credentials.practise, name="practise"),
    path("credentials/change", credentials.change, name="change-password"),
    path("credentials/phone", credentials.carry, name="carry"),
    path("credentials/mail.mobileconfig", credentials.profile, name="profile"),
    path("credentials/of/<str:box>", looked_after.looked_after, name="looked-after"),
    path("credentials/of/<str:box>/password", looked_after.reveal, name="looked-after-password"),
    # W3C, A Well-Known URL for Changing Passwords: password managers lead there
    path(
        ".well-known/change-password",
        RedirectView.as_view(pattern_name="change-password"),
        name="well-known-change-password",
    ),
    path("phone/<str:token>", credentials.phone, name="phone"),
    path("phone/<str:token>/mail.mobileconfig", credentials.profile, name="phone-profile"),
    path("control", overview.overview, name="control"),
    path("control/members", people.members, name="members"),
    path("control/members/<int:number>", people.member, name="member"),
    path("control/members/<int:number>/renew", people.renew, name="renew"),
    path("control/members/<int:number>/state", people.state, name="member-state"),
    path("control/members.csv", people.members_csv, name="members-csv"),
    path("control/list", lists.bring, name="bring-list"),
    path("control/list/empty.csv", lists.empty_list, name="empty-list"),
    path("control/list/<int:number>", lists.compare, name="list"),
    path("control/list/<int:number>/wrong.csv", lists.wrong_lines, name="wrong-lines"),
    path("control/list/<int:number>/bring-in", lists.bring_in, name="bring-in"),
    path("control/ready", work.make_ready, name="make-ready"),
    path("control/work/<int:number>", work.work, name="work"),
    path("control/work/<int:number>/stop", work.stop, name="work-stop"),
    path("control/work/<int:number>/go-on", work.go_on, name="work-go-on"),
    path("control/mailboxes", mailboxes.mailboxes, name="mailboxes"),
    path("control/mailboxes/<str:box>", mailboxes.mailbox, name="mailbox"),
    path("control/mailboxes/<str:box>/password", mailboxes.show_password, name="mailbox-password"),
    path("control/mailboxes/<str:box>/change", mailboxes.change, name="mailbox-change"),
    path("control/mailboxes/<str:box>/wave", moving.move, name="mailbox-wave"),
    path("control/sign-ins", sign_ins.sign_ins, name="sign-ins"),
    path("control/sign-ins/lift", sign_ins.lift, name="sign-ins-lift"),
    path("control/waves", waves.add, name="new-wave"),
    path("control/waves/<slug:name>", waves.wave, name="wave"),
    path("control/waves/<slug:name>/name", waves.rename, name="wave-name"),
    path("control/waves/<slug:name>/remove", waves.remove, name="wave-remove"),
    path("control/banner", telling.banner, name="banner"),
    path("control/notes", telling.notes, name="notes"),
]
if "cas" in settings.BASCULE.sign_on:
    urlpatterns.append(path("sign-on/cas", cas.sign_on, name="sign-on-cas"))
if "oidc" in settings.BASCULE.sign_on:
    urlpatterns.append(path("sign-on/", include("allauth.socialaccount.providers.openid_connect.urls")))

handler400 = "bascule.portal.shell.views.bad_request"
handler403 = "bascule.portal.shell.views.forbidden"
handler404 = "bascule.portal.shell.views.not_found"
handler500 = "bascule.portal.shell.views.failed"
