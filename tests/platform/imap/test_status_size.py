"""STATUS=SIZE: RFC 8438."""


def test_the_size_is_that_of_all_messages(client) -> None:
    client.append("Sent", b"Subject: x\r\n\r\n")
    client.append("Sent", b"Subject: xy\r\n\r\n")
    assert client.ok("STATUS Sent (SIZE)").lines == [b'* STATUS "Sent" (SIZE 29)']
