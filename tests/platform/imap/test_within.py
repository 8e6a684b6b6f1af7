"""WITHIN: RFC 5032."""

import datetime


def test_older_and_younger(client) -> None:
    hour_ago = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
    client.ok(f'APPEND INBOX "{hour_ago.strftime("%d-%b-%Y %H:%M:%S +0000")}" {{}}', b"Subject: x\r\n\r\n")
    client.append("INBOX", b"Subject: y\r\n\r\n")
    assert client.ok("SEARCH OLDER 1800").lines == [b"* SEARCH 1"]
    assert client.ok("SEARCH YOUNGER 1800").lines == [b"* SEARCH 2"]
