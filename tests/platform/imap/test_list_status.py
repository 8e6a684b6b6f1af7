"""LIST-STATUS: RFC 5819."""


def test_counts_with_the_list(client) -> None:
    client.append("Sent", b"Subject: x\r\n\r\n")
    lines = client.ok('LIST "" (Sent Trash) RETURN (STATUS (MESSAGES UNSEEN))').lines
    assert lines == [
        b'* LIST (\\HasNoChildren \\Sent) "/" "Sent"',
        b'* STATUS "Sent" (MESSAGES 1 UNSEEN 1)',
        b'* LIST (\\HasNoChildren \\Trash) "/" "Trash"',
        b'* STATUS "Trash" (MESSAGES 0 UNSEEN 0)',
    ]
