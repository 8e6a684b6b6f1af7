"""Thunderbird, unmodified: its own code signs in, reads, files, deletes, writes and is told of new mail, by the built-in platform."""

import email

import pytest

from support import messages
from support.dialogue import Dialogue
from support.server import ANNA, PASSWORD, PrivateBascule
from support.thunderbird import OPEN, Thunderbird
from support.waiting import within

pytestmark = [pytest.mark.needs("thunderbird"), pytest.mark.xdist_group("thunderbird")]
BOB = "bob@example.org"
MAILS = messages.many(20)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    with PrivateBascule(tmp_path_factory.mktemp("thunderbird"), accounts=(ANNA, BOB)) as running:
        yield running


@pytest.fixture(scope="module")
def box(server: PrivateBascule):
    """Another session on Anna's mailbox, to look."""
    dialogue = Dialogue(server.imap)
    dialogue.ok(f"LOGIN {ANNA} {PASSWORD}")
    dialogue.ok("APPEND INBOX " + " ".join(["{}"] * len(MAILS)), *MAILS)
    yield dialogue
    dialogue.close()


@pytest.fixture(scope="module")
def thunderbird(server: PrivateBascule, box: Dialogue, tmp_path_factory: pytest.TempPathFactory):
    bob = Dialogue(server.imap)
    bob.ok(f"LOGIN {BOB} {PASSWORD}")
    bob.append("INBOX", b"Subject: for both\r\n\r\nshared\r\n")
    bob.ok(f"SETACL INBOX {ANNA} lrs")
    bob.close()
    root = tmp_path_factory.mktemp("tb")
    with Thunderbird(root, ANNA, PASSWORD, server.imap, server.ports["submission"]) as running:
        there = running.run(
            OPEN
            + f"""
            const number = await listed("INBOX", {len(MAILS)});
            account.incomingServer.performExpand(msgWindow);
            return [number, await until(() => find("Sent") != null)];
            """
        )
        assert there == [len(MAILS), True], running.conversation()
        yield running


def test_folders_are_known_for_what_they_are(thunderbird: Thunderbird) -> None:
    named = thunderbird.run(
        OPEN
        + """
        const F = Ci.nsMsgFolderFlags;
        const kinds = {Inbox: F.Inbox, SentMail: F.SentMail, Drafts: F.Drafts, Trash: F.Trash, Junk: F.Junk};
        return Object.entries(kinds).map(([name, flag]) => [name, root.getFolderWithFlags(flag)?.name]);
        """
    )
    assert dict(named) == {"Inbox": "INBOX", "SentMail": "Sent", "Drafts": "Drafts", "Trash": "Trash", "Junk": "Junk"}


def test_messages_are_listed_and_read(thunderbird: Thunderbird) -> None:
    subjects = thunderbird.run(OPEN + 'return all(find("INBOX")).map(each => each.mime2DecodedSubject);')
    assert subjects == [str(email.header.make_header(email.header.decode_header(str(email.message_from_bytes(each)["Subject"])))) for each in MAILS]  # fmt: skip
    octets = thunderbird.run(
        OPEN
        + """
        const inbox = find("INBOX");
        const uri = inbox.getUriForMsg(all(inbox)[4]);
        const {NetUtil} = ChromeUtils.importESModule("resource://gre/modules/NetUtil.sys.mjs");
        return await new Promise((resolve, reject) => {
          let held = "";
          MailServices.messageServiceFromURI(uri).streamMessage(uri, {
            QueryInterface: ChromeUtils.generateQI(["nsIStreamListener"]),
            onStartRequest() {},
            onDataAvailable(request, stream, offset, count) { held += NetUtil.readInputStreamToString(stream, count); },
            onStopRequest(request, status) { status ? reject(status) : resolve(held); },
          }, null, null, false, "", false);
        });
        """
    )
    assert octets.encode("latin-1").replace(b"\r\n", b"\n") == MAILS[4].replace(b"\r\n", b"\n")


def test_marks_reach_the_server(thunderbird: Thunderbird, box: Dialogue) -> None:
    thunderbird.run(
        OPEN
        + """
        const inbox = find("INBOX");
        inbox.markMessagesRead([all(inbox)[0], all(inbox)[1]], true);
        inbox.markMessagesFlagged([all(inbox)[1]], true);
        inbox.addKeywordsToMessages([all(inbox)[2]], "$label1");
        """
    )
    box.ok("SELECT INBOX")
    assert within(60, lambda: b"$label1" in b"".join(box.ok("FETCH 3 FLAGS").lines))
    flags = [line.split(b"FLAGS (")[1] for line in box.ok("FETCH 1:3 FLAGS").lines if b" FETCH " in line]
    assert b"\\Seen" in flags[0]
    assert b"\\Flagged" in flags[1]
    assert b"$label1" in flags[2]


def test_a_folder_is_made_and_messages_move_there(thunderbird: Thunderbird, box: Dialogue) -> None:
    told = thunderbird.run(
        OPEN
        + """
        root.createSubfolder("Été 2026", msgWindow);
        await until(() => find("Été 2026"));
        const before = all(find("INBOX")).length;
        const inbox = find("INBOX"), target = find("Été 2026");
        MailServices.copy.copyMessages(inbox, all(inbox).slice(5, 8), target, true, null, msgWindow, false);
        await until(() => all(inbox).length == before - 3);
        return [await listed("Été 2026", 3), before - all(inbox).length];
        """
    )
    assert told == [3, 3]
    box.ok("ENABLE UTF8=ACCEPT")
    assert b"MESSAGES 3" in box.ok('STATUS "Été 2026" (MESSAGES)'.encode()).lines[0]


def test_what_is_deleted_lies_in_the_trash(thunderbird: Thunderbird, box: Dialogue) -> None:
    gone = thunderbird.run(
        OPEN
        + """
        const inbox = find("INBOX");
        const before = all(inbox).length;
        inbox.deleteMessages(all(inbox).slice(0, 2), msgWindow, false, false, null, true);
        await until(() => all(inbox).length == before - 2);
        return before - all(inbox).length;
        """
    )
    assert gone == 2
    assert within(60, lambda: b"MESSAGES 2" in box.ok("STATUS Trash (MESSAGES)").lines[0])


def test_mail_is_sent_and_kept(thunderbird: Thunderbird, box: Dialogue, server: PrivateBascule) -> None:
    thunderbird.run(
        OPEN
        + """
        const fields = Cc["@mozilla.org/messengercompose/composefields;1"].createInstance(Ci.nsIMsgCompFields);
        [fields.from, fields.to, fields.subject, fields.body] = [arguments[0], arguments[1], "Réunion déplacée", "À jeudi"];
        const params = Cc["@mozilla.org/messengercompose/composeparams;1"].createInstance(Ci.nsIMsgComposeParams);
        [params.composeFields, params.identity, params.format] = [fields, account.defaultIdentity, Ci.nsIMsgCompFormat.PlainText];
        const compose = MailServices.compose.initCompose(params);
        await compose.sendMsg(Ci.nsIMsgCompDeliverMode.Now, account.defaultIdentity, account.key, null, null);
        """,
        ANNA,
        BOB,
    )
    bob = Dialogue(server.imap)
    bob.ok(f"LOGIN {BOB} {PASSWORD}")
    assert within(60, lambda: b"MESSAGES 2" in bob.ok("STATUS INBOX (MESSAGES)").lines[0])
    bob.ok("SELECT INBOX")
    assert b"Thunderbird" in b"".join(bob.ok("FETCH 2 BODY.PEEK[HEADER]").lines)
    bob.close()
    assert within(60, lambda: b"MESSAGES 1" in box.ok("STATUS Sent (MESSAGES)").lines[0])


def test_new_mail_is_announced(thunderbird: Thunderbird, box: Dialogue) -> None:
    thunderbird.run(OPEN + 'await refresh(find("INBOX"));')
    box.append("INBOX", b"From: Zo\xc3\xa9 <z@example.org>\r\nSubject: while you were idle\r\n\r\nx\r\n")
    arrived = thunderbird.run(
        OPEN + 'return await until(() => all(find("INBOX")).some(each => each.subject == "while you were idle"));'
    )
    assert arrived


def test_the_server_searches(thunderbird: Thunderbird, box: Dialogue) -> None:
    box.append("INBOX", b"Subject: a needle\r\n\r\nx\r\n")
    found = thunderbird.run(
        OPEN
        + """
        const known = () => all(find("INBOX")).some(each => each.subject == "a needle");
        for (let i = 0; i < 4 && !known(); i++) { await refresh(find("INBOX")); await until(known); }
        const session = Cc["@mozilla.org/messenger/searchSession;1"].createInstance(Ci.nsIMsgSearchSession);
        session.addScopeTerm(Ci.nsMsgSearchScope.onlineMail, find("INBOX"));
        const term = session.createTerm();
        term.attrib = Ci.nsMsgSearchAttrib.Subject; term.op = Ci.nsMsgSearchOp.Contains;
        const value = term.value; value.attrib = term.attrib; value.str = "needle"; term.value = value;
        session.appendTerm(term);
        return await new Promise(resolve => {
          const hits = [];
          session.registerListener({ onSearchHit(header) { hits.push(header.subject); }, onSearchDone() { resolve(hits); }, onNewSearch() {} });
          session.search(msgWindow);
        });
        """
    )
    assert found == ["a needle"]


def test_what_others_share_is_there(thunderbird: Thunderbird) -> None:
    told = thunderbird.run(
        OPEN
        + f"""
        const name = "Other Users/{BOB}/INBOX";
        await listed(name, 1);
        return all(find(name)).map(each => each.subject);
        """
    )
    assert "for both" in told
