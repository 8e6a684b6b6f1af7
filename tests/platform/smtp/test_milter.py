"""A site's filter sees what arrives and what leaves: a real rspamd."""

from pathlib import Path

import pytest

from support.inbox import Inbox
from support.rspamd import MARKED, REFUSED, PrivateRspamd
from support.server import ANNA, PASSWORD, PrivateBascule
from support.smtp import SmtpDialogue, message


@pytest.mark.needs("rspamd")
def test_what_a_filter_says_is_done(tmp_path: Path) -> None:
    with PrivateRspamd(tmp_path / "rspamd") as rspamd:
        server = PrivateBascule(tmp_path / "server", settings={"smtp": f'milters = ["{rspamd.address}"]'})
        with server, SmtpDialogue(server.ports["smtp"]) as dialogue, SmtpDialogue(server.ports["submission"]) as own:
            inbox = Inbox(server, ANNA)
            assert dialogue.deliver(message(), "a@b.example", ANNA).code == 250
            assert dialogue.deliver(message(body=MARKED), "a@b.example", ANNA).code == 250
            assert dialogue.deliver(message(body=REFUSED), "a@b.example", ANNA).code == 554
            assert len(inbox.messages()) == 1
            [marked] = inbox.messages("Junk")
            assert b"\r\nX-Spam: Yes\r\n" in marked
            own.login(ANNA, PASSWORD)
            assert own.deliver(message(sender=ANNA, body=REFUSED), ANNA, ANNA).code == 554
            assert own.deliver(message(sender=ANNA), ANNA, ANNA).code == 250
            inbox.wait(2)
            rspamd.stop()
            reply = dialogue.deliver(message(), "a@b.example", ANNA)
            assert (reply.code, reply.status) == (451, "4.7.1")
            assert len(inbox.messages()) == 2
