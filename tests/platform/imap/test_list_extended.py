"""LIST-EXTENDED and CHILDREN: RFC 5258, RFC 3348."""

import pytest


@pytest.fixture
def tree(client):
    for name in ("a", "a/b", "a/b/c", "d"):
        client.ok(f"CREATE {name}")
    for name in ("a/b/c", "d", "gone"):
        client.ok(f"SUBSCRIBE {name}")
    return client


def test_children(tree) -> None:
    assert tree.ok('LIST "" "a*"').lines[-1] == b'* LIST (\\HasNoChildren) "/" "a/b/c"'
    assert tree.ok('LIST "" a').lines == [b'* LIST (\\HasChildren) "/" "a"']


def test_several_patterns(tree) -> None:
    names = [line.split()[-1] for line in tree.ok('LIST "" ("a" "d" "INBOX")').lines]
    assert names == [b'"INBOX"', b'"a"', b'"d"']


def test_subscribed(tree) -> None:
    lines = tree.ok('LIST (SUBSCRIBED) "" ("a*" "d" "g*")').lines
    assert lines == [
        b'* LIST (\\HasNoChildren \\Subscribed) "/" "a/b/c"',
        b'* LIST (\\HasNoChildren \\Subscribed) "/" "d"',
        b'* LIST (\\NonExistent \\HasNoChildren \\Subscribed) "/" "gone"',
    ]
    assert tree.ok('LIST "" d RETURN (SUBSCRIBED CHILDREN)').lines == [b'* LIST (\\HasNoChildren \\Subscribed) "/" "d"']


def test_recursive_match(tree) -> None:
    lines = tree.ok('LIST (SUBSCRIBED RECURSIVEMATCH) "" a').lines
    assert lines == [b'* LIST (\\HasChildren) "/" "a" ("CHILDINFO" ("SUBSCRIBED"))']
    names = [line.split()[-1] for line in tree.ok('LIST (SUBSCRIBED RECURSIVEMATCH) "" *').lines]
    assert b'"a"' not in names, "what is below it is listed itself: RFC 9051 §6.3.9.6"
    assert b'"a/b/c"' in names
    tree.bad('LIST (RECURSIVEMATCH) "" *')


def test_the_separator(tree) -> None:
    assert tree.ok('LIST "" ""').lines == [b'* LIST (\\Noselect) "/" ""']


def test_inbox_in_any_case(tree) -> None:
    assert tree.ok('LIST "" inbox').has(b'"INBOX"')
    assert tree.ok('LIST "" InB*').lines == [b'* LIST (\\HasNoChildren) "/" "INBOX"']
    assert tree.ok('LIST "a/" %').lines == [b'* LIST (\\HasChildren) "/" "a/b"']
