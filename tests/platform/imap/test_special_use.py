"""SPECIAL-USE and CREATE-SPECIAL-USE: RFC 6154."""


def test_list_tells_what_folders_are_for(client) -> None:
    assert client.ok('LIST "" Sent').lines == [b'* LIST (\\HasNoChildren \\Sent) "/" "Sent"']
    names = [line.split()[-1] for line in client.ok('LIST (SPECIAL-USE) "" *').lines]
    assert names == [b'"Drafts"', b'"Junk"', b'"Sent"', b'"Trash"']


def test_a_folder_is_made_for_a_use(client) -> None:
    client.ok("CREATE Old (USE (\\Archive))")
    assert client.ok('LIST "" Old').has(b"\\Archive")
    assert client.no("CREATE Sent2 (USE (\\Sent))").code == "USEATTR"
    assert client.no("CREATE All (USE (\\All))").code == "USEATTR"
    client.bad("CREATE x (NONSENSE)")
