"""UTF8=ACCEPT: RFC 6855."""


def test_names_and_messages_in_utf8(connect) -> None:
    client = connect("", enable="UTF8=ACCEPT")
    client.ok('CREATE "Élèves"')
    assert client.ok('LIST "" *').has('"Élèves"'.encode())
    message = "Subject: été\r\n\r\nà\r\n".encode()
    client.send('x APPEND "Élèves" UTF8 ('.encode() + b"~{%d+}\r\n" % len(message) + message + b")\r\n")
    assert client.end(b"x").status == "OK"
    client.ok('SELECT "Élèves"')
    assert client.ok('SEARCH SUBJECT "Été"').lines == [b"* SEARCH 1"]
    assert client.ok("FETCH 1 BODY.PEEK[]").line(b"1 FETCH").endswith(message + b")")
    other = connect("")
    assert other.ok('LIST "" *').has(b'"&AMk-l&AOg-ves"')
