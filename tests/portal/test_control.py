"""The operators' pages: a list compared and brought in, mailboxes made ready, other mailboxes, a calendar's change."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest

from support.portal import DOMAIN, EVE, PASSWORD, Portal, T

HEADINGS = "sign_on;name;address;aliases;kind;owners;wave;old_url;old_secret"
ANNA = f"anna;Anna Martin;anna@{DOMAIN};a.martin@{DOMAIN};;;;imaps://anna@old.example;hunter2"


@pytest.fixture
def operator(portal: Portal) -> Any:
    portal.move_to(EVE)
    wave = portal.wave()
    return portal.client(portal.member("paul", wave, role="operator"))


def do_all_work() -> None:
    """What a worker does with the wake-ups."""
    from bascule.portal.jobs.models import State, Work
    from bascule.portal.jobs.working import Worker
    from bascule.portal.kinds_of_work import KINDS

    node = Work.objects.order_by("-id").values_list("node", flat=True).first() or "here"
    worker = Worker(KINDS, node, threading.Event())
    for number in Work.objects.filter(state=State.WAITING).order_by("id").values_list("pk", flat=True):
        worker.perform(number)


def brought(client: Any, *lines: str, headings: str = HEADINGS, **more: str) -> Any:
    from django.core.files.uploadedfile import SimpleUploadedFile

    text = "\n".join([headings, *lines]).encode()
    return client.post("/control/list", {"file": SimpleUploadedFile("list.csv", text), "wave": "main", **more})


def test_a_list_is_compared_and_nothing_changes_until_the_operator_says_so(operator: Any) -> None:
    from bascule.portal.directory.models import Mailbox, Member, MemberList
    from bascule.portal.jobs.models import Work

    answer = brought(operator, ANNA, f"paul;Paul Weber;paul@{DOMAIN}", "bad;;x")
    assert answer.status_code == 302
    page = operator.get(answer.headers["Location"]).content.decode()
    assert "Anna Martin" in page
    assert "le nom manque" in page, "in French"
    assert "Importer 2 lignes" in page
    assert "hunter2" not in page
    assert not Mailbox.objects.filter(login=f"anna@{DOMAIN}").exists()
    assert "hunter2" not in MemberList.objects.get().sealed
    work = operator.post(answer.headers["Location"] + "/bring-in")
    assert "en attente" in operator.get(work.headers["Location"]).content.decode().lower()
    do_all_work()
    told = operator.get(work.headers["Location"]).content.decode()
    assert "Terminé" in told
    assert "2 sur 2" in told
    assert "4 · x" in told, "the wrong line is named again"
    anna = Member.objects.get(sign_on="anna")
    assert anna.mailbox.password == ""
    assert MemberList.objects.get().sealed == "", "what it held is gone"
    assert operator.get(answer.headers["Location"]).status_code == 410
    assert operator.post(answer.headers["Location"] + "/bring-in").status_code == 302
    assert Work.objects.count() == 1, "it is brought in once"
    ready = operator.post("/control/ready")
    do_all_work()
    assert "Terminé" in operator.get(ready.headers["Location"]).content.decode()
    anna.mailbox.refresh_from_db()
    assert anna.mailbox.password
    assert anna.mailbox.provisioned_at
    record = operator.get("/control/notes").content.decode()
    assert "une liste a été importée" in record
    assert "des boîtes ont été préparées" in record


def test_the_same_by_a_reader_of_english(operator: Any) -> None:
    operator.cookies["bascule-language"] = "en"
    page = operator.get(brought(operator, "bad;;x").headers["Location"]).content.decode()
    assert "name is missing" in page


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("name;address\nH\xe9l\xe8ne;h@x.org".encode("latin-1"), "n’est pas en UTF-8 (ligne 2)"),
        (b"name;address;colour\n", "colonne « colour », inconnue ici"),
        (b"\x00\x01\x02", "inconnue ici"),
        (b"", "pas de colonne"),
        (b'name;address\n"x;y', "pas lisible"),
    ],
)
def test_a_file_that_is_no_list_is_refused_with_what_to_do(operator: Any, content: bytes, why: str) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    answer = operator.post("/control/list", {"file": SimpleUploadedFile("list.csv", content or b" "), "wave": "main"})
    if answer.status_code == 302:
        answer = operator.get(answer.headers["Location"])
    assert answer.status_code == 422
    assert why in answer.content.decode().replace("\xa0", " ")


def test_without_a_file_or_with_one_that_is_too_large(operator: Any) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    assert operator.post("/control/list", {"wave": "main"}).status_code == 422
    large = SimpleUploadedFile("list.csv", b"x" * 20_100_000)
    answer = operator.post("/control/list", {"file": large, "wave": "main"})
    assert answer.status_code == 422
    assert "20 Mo au plus" in answer.content.decode()


def test_a_list_by_which_many_would_leave_needs_their_number(operator: Any, portal: Portal) -> None:
    from bascule.portal.directory.models import Member, Wave

    wave = Wave.objects.get()
    for number in range(12):
        portal.member(f"m{number}", wave, provisioned=False)
    place = brought(operator, f"paul;Paul;paul@{DOMAIN}", complete="on").headers["Location"]
    assert "12 usagers partiraient" in operator.get(place).content.decode()
    for wrong in ("", "11", "x"):
        assert operator.post(f"{place}/bring-in", {"leaving": wrong}).headers["Location"] == place
    do_all_work()
    assert not Member.objects.filter(state="left").exists()
    operator.post(f"{place}/bring-in", {"leaving": "12"})
    do_all_work()
    assert Member.objects.filter(state="left").count() == 12


def test_nobody_leaves_by_a_list_who_came_with_another_since_it_was_looked_at(operator: Any) -> None:
    from bascule.portal.directory.models import Member
    from bascule.portal.jobs.models import Work

    first = brought(operator, f"m;M;m@{DOMAIN}").headers["Location"]
    second = brought(operator, f"paul;Paul;paul@{DOMAIN}", complete="on").headers["Location"]
    for place in (first, second, second):  # a double click asks once
        operator.post(f"{place}/bring-in")
    assert Work.objects.count() == 2
    do_all_work()
    assert list(Work.objects.order_by("pk").values_list("state", flat=True)) == ["done", "failed"]
    assert not Member.objects.filter(state="left").exists()
    assert "en même temps" in operator.get(f"/control/work/{Work.objects.latest('pk').pk}").content.decode()
    operator.post(f"{second}/bring-in")
    do_all_work()
    assert list(Member.objects.filter(state="left").values_list("sign_on", flat=True)) == ["m"]


def test_one_person_is_a_list_of_one_line(operator: Any) -> None:
    from bascule.portal.directory.models import Member

    person = {
        "person": "1",
        "name": 'Léa "L" Petit; née B',
        "sign_on": "Lea",
        "address": f"lea@{DOMAIN}",
        "office": "",
        "wave": "main",
    }
    place = operator.post("/control/list", person).headers["Location"]
    assert "Importer 1 ligne" in operator.get(place).content.decode()
    operator.post(f"{place}/bring-in")
    do_all_work()
    assert Member.objects.get(sign_on="lea").name == 'Léa "L" Petit; née B'
    incomplete = operator.post("/control/list", {**person, "address": ""})
    assert incomplete.status_code == 422
    assert "person-address-said" in incomplete.content.decode()
    wrong = operator.post("/control/list", {**person, "address": "no address"}).headers["Location"]
    assert "n’est pas une adresse de courriel" in operator.get(wrong).content.decode()


def test_a_list_is_thrown_away(operator: Any) -> None:
    from bascule.portal.directory.models import MemberList

    place = brought(operator, ANNA).headers["Location"]
    operator.post(f"{place}/bring-in", {"throw-away": "1"})
    assert not MemberList.objects.exists()
    assert operator.get(place).status_code == 404


def test_work_is_stopped_and_goes_on(operator: Any) -> None:
    from bascule.portal.jobs.models import Work

    brought(operator, ANNA)
    place = brought(operator, ANNA).headers["Location"]
    work = operator.post(f"{place}/bring-in").headers["Location"]
    operator.post(f"{work}/stop")
    assert "Arrêté" in operator.get(work).content.decode()
    do_all_work()
    assert Work.objects.get().state == "stopped"
    operator.post(f"{work}/go-on")
    do_all_work()
    assert Work.objects.get().state == "done"


def test_two_lists_at_once_end_with_a_sentence_in_the_readers_language(operator: Any, portal: Portal) -> None:
    """Between comparing and bringing in, somebody else takes the address."""
    from bascule.campaign.difference import differences
    from bascule.campaign.members_file import parse_members
    from bascule.portal.directory.importing import Overtaken, apply, present_mailboxes
    from bascule.portal.directory.models import Wave
    from bascule.portal.jobs.models import REFUSED, Work
    from bascule.portal.shell.doors import keys, now

    rows, _ = parse_members("\n".join([HEADINGS, ANNA]))
    found, _ = differences(rows, present_mailboxes(keys()), {"main": ""}, "main")
    portal.member("anna", Wave.objects.get(), provisioned=False)
    with pytest.raises(Overtaken) as raised:
        apply(found, "main", keys(), now(), "test")
    told = {"message": raised.value.message, "advice": raised.value.advice}
    assert "Quelqu’un d’autre" in Work(trouble=REFUSED, trouble_values=told).trouble_in_words()


def test_one_making_ready_at_a_time(operator: Any) -> None:
    from bascule.portal.jobs.models import Work

    first, second = operator.post("/control/ready"), operator.post("/control/ready")
    assert first.headers["Location"] == second.headers["Location"]
    assert Work.objects.count() == 1


def test_what_the_platform_can_not_make_is_named_and_the_rest_is_made(operator: Any, portal: Portal) -> None:
    """The office's mailbox lies where no folder can be made."""
    from django.conf import settings

    from bascule.portal.directory.models import Mailbox, Wave

    brought(operator, ANNA)
    paul = Mailbox.objects.get(login=f"paul@{DOMAIN}").member
    office = Mailbox.objects.create(login=f"office@{DOMAIN}", name="Office", wave=Wave.objects.get(), kind="functional", created_at=EVE)  # fmt: skip
    office.owners.set([paul])
    portal.member("anna", Wave.objects.get(), provisioned=False)
    blocked = settings.BASCULE.platform.data / "mailboxes" / f"{office.pk}.mailbox"
    blocked.parent.mkdir(parents=True, exist_ok=True)
    blocked.write_text("a file, where the mailbox should be")
    try:
        work = operator.post("/control/ready").headers["Location"]
        do_all_work()
        page = operator.get(work).content.decode()
        assert f"office@{DOMAIN}" in page
        assert "La plateforme n’a pas pu créer cette boîte" in page
        assert Mailbox.objects.get(login=f"anna@{DOMAIN}").provisioned_at is not None
        assert Mailbox.objects.get(pk=office.pk).provisioned_at is None
    finally:
        blocked.unlink()
    again = operator.post("/control/ready").headers["Location"]
    do_all_work()
    assert f"office@{DOMAIN}" not in operator.get(again).content.decode()
    assert Mailbox.objects.get(pk=office.pk).provisioned_at is not None


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ("zoe", ["Zoé Œuvrard"]),
        ("ZOÉ oeuv", ["Zoé Œuvrard"]),
        ("helene", ["Hélène Abel", "HÉLÈNE Étienne"]),
        ("", ["Hélène Abel", "HÉLÈNE Étienne", "Zoé Œuvrard"]),
    ],
)
def test_names_are_found_and_ordered_whatever_their_accents_and_capitals(
    operator: Any, portal: Portal, asked: str, names: list[str]
) -> None:
    from bascule.portal.directory.models import Wave

    there = ("Zoé Œuvrard", "HÉLÈNE Étienne", "Hélène Abel")
    for number, name in enumerate(there):
        member = portal.member(f"m{number}", Wave.objects.get())
        member.name = name
        member.save()
    page = operator.get("/control/members", {"q": asked}).content.decode()
    assert [
        name for name in re.findall(r'<a href="/control/members/[0-9]+">([^<]*)</a>', page) if name in there
    ] == names


def test_a_list_in_french_is_read_and_answered_in_french(operator: Any, portal: Portal) -> None:
    empty = operator.get("/control/list/empty.csv").content.decode("utf-8-sig")
    assert empty.startswith("identifiant;nom;adresse;autres adresses;type;vague;service;")
    brought = portal.brought_list(
        "identifiant;nom;adresse;rôle\na;A;a@x.org;roi\nb;" + "B" * 300 + ";b@x.org;usager\nc;C;c@x.org;technicienne\n"
    )
    wrong = operator.get(f"/control/list/{brought.pk}/wrong.csv").content.decode("utf-8-sig").splitlines()
    assert wrong[0] == "Ligne;Qui;Ce qui ne va pas"
    assert wrong[1] == "2;a@x.org;rôle : « roi » n’est pas parmi : usager, technicien, opérateur, auditeur".replace(
        " :", "\xa0:"
    ).replace("« ", "«\xa0").replace(" »", "\xa0»")
    assert wrong[2].startswith("3;b@x.org;nom est trop long")
    assert len(wrong) == 3


def test_members_for_a_spreadsheet_that_runs_nothing(operator: Any, portal: Portal) -> None:
    from bascule.portal.directory.models import Wave

    anna = portal.member("anna", Wave.objects.get())
    anna.name, anna.office = '=HYPERLINK("http://x")', "+33 DSI"
    anna.save()
    answer = operator.get("/control/members.csv?only=unseen&q=anna")
    told = answer.content.decode("utf-8-sig")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="members.csv"'
    assert told.splitlines()[1] == f'"\'=HYPERLINK(""http://x"")";anna@{DOMAIN};\'+33 DSI;;main;présent'
    assert len(told.splitlines()) == 2


# -- mailboxes of no one person -----------------------------------------------------------------------------------------


def test_a_scanners_password_is_shown_to_operators_and_recorded(operator: Any, portal: Portal) -> None:
    from bascule.portal.directory.models import Wave
    from bascule.portal.shell.doors import keys

    box = portal.service("scanner", Wave.objects.get())
    password = keys().open(box.shown)
    page = operator.get(f"/control/mailboxes/{box.pk}").content.decode()
    assert password not in page
    assert password in operator.post(f"/control/mailboxes/{box.pk}/password").content.decode()
    assert "montré à l’écran" in operator.get(f"/control/mailboxes/{box.pk}").content.decode() or box.views.count() == 1
    operator.post(f"/control/mailboxes/{box.pk}/change", {"what": "renew", "sure": "1"})
    box.refresh_from_db()
    assert keys().open(box.shown) != password
    for what in ("renew", "lock"):
        before = box.shown
        asked = operator.post(f"/control/mailboxes/{box.pk}/change", {"what": what})
        assert asked.status_code == 200
        assert 'name="sure"' in asked.content.decode()
        box.refresh_from_db()
        assert (box.shown, box.is_locked) == (before, False), "nothing is done before somebody is sure"
    for what, locked in (("lock", True), ("unlock", False), ("nonsense", False)):
        operator.post(f"/control/mailboxes/{box.pk}/change", {"what": what, "sure": "1"})
        box.refresh_from_db()
        assert box.is_locked is locked


def test_an_offices_password_is_shown_to_nobody(operator: Any, portal: Portal) -> None:
    from bascule.portal.directory.models import Wave

    box = portal.service("office", Wave.objects.get(), kind="functional")
    assert operator.post(f"/control/mailboxes/{box.pk}/password").status_code == 404
    personal = Wave.objects.get().mailboxes.get(kind="personal")
    assert operator.get(f"/control/mailboxes/{personal.pk}").status_code == 404


def test_who_looks_after_a_scanner_finds_its_password_from_the_opening_on(portal: Portal) -> None:
    from bascule.portal.shell.doors import keys

    wave = portal.wave()
    portal.move_to(T - timedelta(days=15))
    anna, lea = portal.member("anna", wave), portal.member("lea", wave)
    box = portal.service("scanner", wave, owners=[anna])
    password = keys().open(box.shown)
    client, other = portal.client(anna), portal.client(lea)
    assert "Afficher" not in client.get(f"/credentials/of/{box.pk}").content.decode()
    assert client.post(f"/credentials/of/{box.pk}/password").status_code == 403
    portal.move_to(EVE)
    assert f"/credentials/of/{box.pk}" in client.get("/").content.decode()
    page = client.get(f"/credentials/of/{box.pk}").content.decode()
    assert password not in page
    assert password in client.post(f"/credentials/of/{box.pk}/password").content.decode()
    assert box.views.get().by == anna
    assert other.get(f"/credentials/of/{box.pk}").status_code == 404
    assert other.post(f"/credentials/of/{box.pk}/password").status_code == 404


# -- calendars --------------------------------------------------------------------------------------------------------


def calendar(**more: str) -> dict[str, str]:
    told = {
        "credentials_open": "2027-04-13T09:00",
        "switch": "2027-04-27T09:00",
        "all_assistance": "2027-04-28T09:00",
        "archive_closes": "2027-06-27T09:00",
        "backup_destroyed": "2028-04-27T09:00",
    }
    return {**told, **more}


def test_a_change_of_calendar_is_shown_before_it_is_made(operator: Any) -> None:
    from bascule.portal.directory.models import Note, Wave

    page = operator.post("/control/waves/main", calendar(switch="2027-04-20T09:00")).content.decode()
    assert "1 boîte s’ouvre aussitôt" in page
    assert "mardi 20 avril" in page
    assert Wave.objects.get().switch == T, "nothing is changed yet"
    for wrong in ({}, {"count": ""}, {"count": "2"}):
        answer = operator.post("/control/waves/main", {**calendar(switch="2027-04-20T09:00"), "sure": "1", **wrong})
        assert answer.status_code == 422, "one click opens no mailboxes"
        assert Wave.objects.get().switch == T
    operator.post("/control/waves/main", {**calendar(switch="2027-04-20T09:00"), "sure": "1", "count": "1"})
    assert Wave.objects.get().switch == T - timedelta(days=7)
    assert "switch: 2027-04-27" in Note.objects.get(what="calendar-changed").detail


def test_what_another_operator_changed_meanwhile_is_shown_before_it_is_changed_back(operator: Any) -> None:
    """The switch was put off; who had asked to keep the archives for longer would have brought it back to its day."""
    from bascule.portal.directory.models import Wave

    told = calendar(archive_closes="2027-07-27T09:00")
    page = operator.post("/control/waves/main", told).content.decode()
    seen = re.findall(r'name="seen" value="([^"]+)"', page)
    operator.post("/control/waves/main", {**calendar(switch="2027-04-27T18:00"), "sure": "1"})
    switch = Wave.objects.get().switch
    assert switch != T
    answer = operator.post("/control/waves/main", {**told, "sure": "1", "seen": seen})
    assert answer.status_code == 422
    assert "Quelqu’un d’autre a modifié ce calendrier" in answer.content.decode()
    assert Wave.objects.get().switch == switch
    seen = re.findall(r'name="seen" value="([^"]+)"', answer.content.decode())
    assert operator.post("/control/waves/main", {**told, "sure": "1", "seen": seen}).status_code == 302
    assert Wave.objects.get().switch == T


def test_a_calendar_that_contradicts_itself_is_refused_in_the_readers_language(operator: Any) -> None:
    page = operator.post("/control/waves/main", calendar(switch="2027-04-12T09:00", sure="1"))
    assert page.status_code == 422
    assert "doit venir après" in page.content.decode()
    skipped = operator.post("/control/waves/main", calendar(credentials_open="2027-03-28T02:30", sure="1"))
    assert skipped.status_code == 422, "an hour that clocks skip"


def test_a_calendar_that_is_the_same_changes_nothing(operator: Any) -> None:
    from bascule.portal.directory.models import Note, Wave

    operator.post("/control/waves/main", _shown(operator.get("/control/waves/main").content.decode()))
    assert not Note.objects.filter(what="calendar-changed").exists()
    assert Wave.objects.get().switch == T


def test_a_wave_is_made_named_and_removed_while_empty(operator: Any) -> None:
    from bascule.portal.directory.models import Note, Wave

    told = {"title": "Faculté de droit", "switch": "2027-05-04T09:00"}
    made = operator.post("/control/waves", told)
    assert made.headers["Location"] == "/control/waves/faculte-de-droit"
    wave = Wave.objects.get(name="faculte-de-droit")
    assert wave.switch == T + timedelta(days=7)
    assert wave.credentials_open < wave.switch < wave.all_assistance < wave.archive_closes < wave.backup_destroyed
    assert operator.post("/control/waves", told).headers["Location"] == "/control/waves/faculte-de-droit-2"
    operator.post("/control/waves/faculte-de-droit/name", {"title": "Droit", "is_pilot": "on"})
    wave.refresh_from_db()
    assert (wave.title, wave.is_pilot, wave.switch) == ("Droit", True, T + timedelta(days=7))
    operator.post("/control/waves/faculte-de-droit/name", {"title": " "})
    wave.refresh_from_db()
    assert wave.title == "Droit"
    page = operator.post("/control/waves/main/remove", follow=True).content.decode()
    assert "Il y a des boîtes dans cette vague" in page
    first = operator.post("/control/waves/faculte-de-droit/remove").content.decode()
    assert "Personne n’en fait partie" in first
    assert Wave.objects.filter(name="faculte-de-droit").exists()
    operator.post("/control/waves/faculte-de-droit/remove", {"sure": "1"})
    assert set(Wave.objects.values_list("name", flat=True)) == {"main", "faculte-de-droit-2"}
    assert Note.objects.filter(what__in=("wave-made", "wave-named", "wave-removed")).count() == 4


def test_before_there_is_a_wave_the_pages_lead_to_making_one(portal: Portal) -> None:
    from bascule.portal.directory.models import Member

    portal.move_to(EVE)
    chief = Member(sign_on="chief", name="Chief", role="operator", created_at=EVE)
    chief.set_password(PASSWORD)
    chief.save()
    client = portal.client(chief)
    for path in ("/control", "/control/list"):
        assert 'href="/control/waves"' in client.get(path).content.decode()
    client.post("/control/waves", {"title": "Tous", "switch": "2027-04-27T09:00"})
    assert 'id="id_file"' in client.get("/control/list").content.decode()


@pytest.mark.parametrize("wrong", [{"title": ""}, {"switch": ""}, {"switch": "2027-03-28T02:30"}, {"switch": "never"}])
def test_a_wave_that_cannot_be_is_not_made(operator: Any, wrong: dict[str, str]) -> None:
    from bascule.portal.directory.models import Wave

    page = operator.post("/control/waves", {"title": "Droit", "switch": "2027-05-04T09:00", **wrong})
    assert page.status_code == 422
    assert 'role="alert"' in page.content.decode()
    assert Wave.objects.count() == 1


def test_a_wave_whose_dates_would_fall_into_a_skipped_hour_is_not_made(operator: Any) -> None:
    """2:30 exists on 28 January 2027, and not two months later."""
    page = operator.post("/control/waves", {"title": "Nuit", "switch": "2027-01-28T02:30"})
    assert page.status_code == 422
    assert "autre heure" in page.content.decode()


def test_a_member_moves_to_another_wave_once_it_is_said_what_that_means(operator: Any, portal: Portal) -> None:
    from bascule.platform.accounts import SignInRefused
    from bascule.portal.directory.models import Mailbox, Note, Wave
    from bascule.portal.shell.doors import accounts

    pilots = portal.wave("pilots", T - timedelta(days=7), is_pilot=True)
    anna = portal.member("anna", Wave.objects.get(name="main"))
    password = portal.mail_password(anna)
    where = f"/control/mailboxes/{anna.mailbox.pk}/wave"
    with pytest.raises(SignInRefused):
        accounts().sign_in(anna.mailbox.login, password, "192.0.2.1")
    assert 'value="main" checked' in operator.get(where).content.decode()
    page = operator.post(where, {"wave": "pilots"}).content.decode()
    assert "1 boîte s’ouvre aussitôt" in page
    assert Mailbox.objects.get(pk=anna.mailbox.pk).wave != pilots, "nothing is changed yet"
    done = operator.post(where, {"wave": "pilots", "sure": "1"})
    assert done.headers["Location"] == f"/control/members/{anna.pk}"
    assert accounts().sign_in(anna.mailbox.login, password, "192.0.2.1").login == anna.mailbox.login
    assert Note.objects.get(what="wave-changed").detail == "main → pilots"
    assert operator.post(where, {"wave": "nowhere"}).status_code == 422
    office = portal.service("office", pilots, kind="functional")
    assert operator.post(f"/control/mailboxes/{office.pk}/wave", {"wave": "main", "sure": "1"}).headers["Location"] == f"/control/mailboxes/{office.pk}"  # fmt: skip
    office.refresh_from_db()
    assert office.wave.name == "main"


def _shown(page: str) -> dict[str, str]:
    import re

    return dict(re.findall(r'name="(\w+)" value="(\d{4}-[\dT:-]+)"', page))


# -- what programs ask for --------------------------------------------------------------------------------------------


def test_thunderbird_finds_the_servers_of_a_domain_that_is_served(portal: Portal) -> None:
    portal.move_to(EVE)
    portal.member("anna", portal.wave())
    client = portal.client()
    for path in ("/mail/config-v1.1.xml", "/.well-known/autoconfig/mail/config-v1.1.xml"):
        for address in (f"anna@{DOMAIN}", f"nobody@{DOMAIN}"):
            answer = client.get(path, {"emailaddress": address}, HTTP_HOST="autoconfig.elsewhere.example")
            assert answer.status_code == 200, "it tells nothing of one address"
            assert f"<domain>{DOMAIN}</domain>" in answer.content.decode()
        assert client.get(path, HTTP_HOST=f"autoconfig.{DOMAIN}").status_code == 200
        assert client.get(path, {"emailaddress": "a@elsewhere.example"}).status_code == 404
        assert client.get(path).status_code == 404


def test_a_password_manager_finds_where_to_change(portal: Portal) -> None:
    portal.move_to(T)
    client = portal.client(portal.member("anna", portal.wave()))
    assert client.get("/.well-known/change-password", follow=True).status_code == 200
    assert PASSWORD not in client.get("/.well-known/change-password", follow=True).content.decode()


def test_who_waits_after_wrong_passwords_is_seen_and_let_in_again(operator: Any, portal: Portal) -> None:
    from bascule.portal.directory.models import Note
    from bascule.portal.shell.doors import accounts

    marc = portal.member("marc", portal.wave("other"))
    attempts = accounts().attempts
    assert "Aucun." in operator.get("/control/sign-ins").content.decode()
    for number in range(12):
        for name in ("marc", "<b>nobody</b>"):
            attempts.was_wrong(name, f"guess {number}", "203.0.113.9")
    page = operator.get("/control/sign-ins").content.decode()
    assert f'href="/control/members/{marc.pk}"' in page
    assert "&lt;b&gt;nobody&lt;/b&gt;" in page
    assert "203.0.113.9" in operator.get(f"/control/members/{marc.pk}").content.decode()
    assert attempts.must_wait("marc", "203.0.113.9")
    told = operator.post("/control/sign-ins/lift", {"account": "marc", "peer": "203.0.113.9", "member": marc.pk})
    assert told.headers["Location"] == f"/control/members/{marc.pk}"
    assert not attempts.must_wait("marc", "203.0.113.9")
    assert attempts.must_wait("<b>nobody</b>", "203.0.113.9")
    assert Note.objects.filter(what="wait-lifted", about="marc").exists()


ACTS = {
    "renew": ("renew", {}, "Une fiche imprimée ou une note ne vaut plus rien"),
    "lock": ("state", {"state": "locked"}, "les sessions ouvertes prennent fin aussitôt"),
    "compromised": ("state", {"state": "compromised"}, "l’actuel est refusé définitivement"),
    "left": ("state", {"state": "left"}, "ne peut plus se connecter au portail"),
}


@pytest.mark.parametrize("name", ACTS)
def test_what_an_act_brings_with_it_is_shown_before_it_is_done(operator: Any, portal: Portal, name: str) -> None:
    from bascule.portal.directory.models import Mailbox, Member, Note

    marc = portal.member("marc", portal.wave("other"))
    where, told, follows = ACTS[name]
    before = (Member.objects.values().get(pk=marc.pk), Mailbox.objects.values().get(pk=marc.mailbox_id))
    page = operator.post(f"/control/members/{marc.pk}/{where}", told)
    assert page.status_code == 200
    assert follows in page.content.decode()
    assert (Member.objects.values().get(pk=marc.pk), Mailbox.objects.values().get(pk=marc.mailbox_id)) == before
    assert not Note.objects.filter(about__startswith="marc").exists()
    fields = dict(re.findall(r'<input type="hidden" name="(state)" value="(\w+)">', page.content.decode()))
    assert operator.post(f"/control/members/{marc.pk}/{where}", {**fields, "sure": "1"}).status_code == 302
    assert (Member.objects.values().get(pk=marc.pk), Mailbox.objects.values().get(pk=marc.mailbox_id)) != before
    if told:
        operator.post(f"/control/members/{marc.pk}/state", {"state": "present"})
        assert Member.objects.get(pk=marc.pk).is_active
        assert not Mailbox.objects.get(pk=marc.mailbox_id).is_locked


@pytest.mark.parametrize("state", ["left", "compromised"])
def test_the_last_operator_stays(operator: Any, portal: Portal, state: str) -> None:
    from bascule.portal.directory.models import Member

    last = Member.objects.get(role="operator")
    page = operator.post(
        f"/control/members/{last.pk}/state", {"state": state, "sure": "1"}, follow=True
    ).content.decode()
    assert "C’est le dernier opérateur" in page
    assert Member.objects.get(pk=last.pk).is_active
    portal.member("marc", portal.wave("other"), role="operator")
    operator.post(f"/control/members/{last.pk}/state", {"state": state, "sure": "1"})
    assert not Member.objects.get(pk=last.pk).is_active


def test_two_operators_who_close_each_other_at_once_leave_one(
    operator: Any, portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import connections

    from bascule.portal.control import people
    from bascule.portal.directory.models import Member

    one = Member.objects.get(role="operator")
    other = portal.member("marc", portal.wave("other"), role="operator")
    both, is_sure = Barrier(2, timeout=30), people.is_sure

    def met(request: Any) -> bool:
        both.wait()
        return bool(is_sure(request))

    def close(client: Any, who: Member) -> None:
        client.post(f"/control/members/{who.pk}/state", {"state": "left", "sure": "1"})
        connections.close_all()

    monkeypatch.setattr(people, "is_sure", met)
    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(close, operator, other), threads.submit(close, portal.client(other), one)]:
            done.result(60)
    assert Member.objects.filter(role="operator", state="present").count() == 1


@pytest.mark.parametrize("line", ["{sign_on};{name};{address};member", "other;Somebody else;other@univ-exemple.fr;"])
def test_no_list_takes_the_last_operator_away(operator: Any, line: str) -> None:
    """Neither one that gives them another role, nor a complete one that leaves them out."""
    from bascule.portal.directory.models import Member
    from bascule.portal.jobs.models import Work

    last = Member.objects.select_related("mailbox").get(role="operator")
    text = line.format(sign_on=last.sign_on, name=last.name, address=last.mailbox.login)
    page = brought(operator, text, headings="sign_on;name;address;role", complete="on")
    operator.post(f"{page.headers['Location']}/bring-in")
    do_all_work()
    assert "le dernier opérateur" in Work.objects.get().trouble_in_words()
    assert Member.objects.get(pk=last.pk).is_active
    assert Member.objects.get(pk=last.pk).role == "operator"
    assert not Member.objects.filter(sign_on="other").exists()


def test_a_member_is_told_of_a_new_password_until_they_saw_it(operator: Any, portal: Portal) -> None:
    portal.move_to(EVE)
    marc = portal.member("marc", portal.wave("other"))
    own = portal.client(marc)
    own.post("/credentials/sheet")
    pages = ("/", "/credentials")

    def told() -> list[bool]:
        return [bool(re.search("ne fonctionne plus", own.get(page).content.decode())) for page in pages]

    assert told() == [False, False]
    operator.post(f"/control/members/{marc.pk}/renew", {"sure": "1"})
    assert told() == [True, True]
    assert "Notez vos nouveaux identifiants" in own.get("/").content.decode()
    own.post("/credentials/password")
    assert told() == [False, False]


def test_a_member_whose_mailbox_is_locked_reads_so(operator: Any, portal: Portal) -> None:
    portal.move_to(EVE)
    marc = portal.member("marc", portal.wave("other"))
    own = portal.client(marc)
    operator.post(f"/control/members/{marc.pk}/state", {"state": "locked", "sure": "1"})
    for page in ("/", "/credentials"):
        assert "Votre boîte est verrouillée" in own.get(page).content.decode()
