"""What people do with their mail on either side: each deed is done on the real server, and written into the world.

A deed draws all that it chooses from the chance that it is given, and does nothing where there is nothing to do it to.
"""

import random
from collections.abc import Callable

from model.person import Person, Refused, Seen
from model.world import World

FLAGS = ("\\Seen", "\\Flagged", "\\Answered", "\\Draft", "$Work", "Projet", "NonJunk")
FOLDERS = ("A", "B", "P", "P/Q")
SPECIAL = ("INBOX", "Sent", "Drafts", "Junk", "Trash", "Archive")
_SIZES = (200, 200, 400, 400, 900, 3_000, 30_000)
_MOST_FOLDERS = 8
"""More make a sequence slow, and show nothing new."""

Deed = Callable[[World, random.Random], str | None]


def some(person: Person, chance: random.Random, most: int = 3) -> tuple[str, list[Seen]]:
    """A folder that is not empty, and some of its messages."""
    full = [(name, shelf) for name in person.folders() if (shelf := _read(person, name)) and shelf]
    if not full:
        return "", []
    name, messages = chance.choice(full)
    return name, chance.sample(messages, min(len(messages), chance.randint(1, most)))


def _read(person: Person, name: str) -> list[Seen]:
    try:
        return list(person.read_folder(name).messages)
    except Refused:
        return []


def _ordinary(person: Person) -> list[str]:
    """Folders that may be renamed and deleted: those that have a use of their own lead to that of the other side, whatever their name."""
    return [name for name in person.folders() if name not in SPECIAL]


def _tags(messages: list[Seen]) -> str:
    return " ".join(each.tag for each in messages)


def _uids(messages: list[Seen]) -> list[int]:
    return [each.uid for each in messages]


def _other(person: Person, chance: random.Random, name: str) -> str:
    others = [each for each in person.folders() if each != name]
    if not others:
        raise Refused("there is no other folder")
    return chance.choice(others)


def _some_flags(chance: random.Random) -> list[str]:
    return chance.sample(FLAGS, chance.choice((0, 0, 1, 1, 2, 3)))


def begin(world: World, chance: random.Random) -> None:
    """The old mailbox as the first run finds it."""
    for name in FOLDERS:
        world.old.create(name)
    for _ in range(chance.randint(2, 6)):
        old_gets(world, chance)


# The old side


def old_gets(world: World, chance: random.Random) -> str | None:
    """New mail; sometimes several, sometimes with another message's Message-ID."""
    folder = chance.choice(world.old.folders())
    tags = []
    for _ in range(chance.choice((1, 1, 2, 3))):
        twin = chance.choice(list(world.past)) if world.past and chance.random() < 0.15 else ""
        tag = world.fresh(chance.choice(_SIZES), twin)
        world.note_old(tag, new=1)
        _append(world, folder, tag, _some_flags(chance))
        tags.append(f"{tag}{f' with the Message-ID of {twin}' if twin else ''}")
    return f"old {folder} gets {', '.join(tags)}"


def old_gets_equal(world: World, chance: random.Random) -> str | None:
    """One more copy, octet for octet, of what is there."""
    _, messages = some(world.old, chance, 1)
    if not messages:
        return None
    folder, tag = chance.choice(world.old.folders()), messages[0].tag
    world.note_old(tag, new=1)
    _append(world, folder, tag, _some_flags(chance))
    return f"old {folder} gets one more {tag}"


def _append(world: World, folder: str, tag: str, flags: list[str]) -> None:
    world.note_flags(tag, frozenset(flag.lower() for flag in flags))
    world.old.append(folder, world.past[tag].octets, flags, world.past[tag].date)


def old_marks(world: World, chance: random.Random) -> str | None:
    folder, messages = some(world.old, chance)
    if not messages:
        return None
    change, flags = chance.choice("+-"), chance.sample((*FLAGS, "\\Deleted"), chance.choice((1, 1, 2)))
    names = frozenset(flag.lower() for flag in flags)
    for each in messages:
        world.note_old(each.tag)
        world.note_flags(each.tag, each.flags | names if change == "+" else each.flags - names)
    world.old.store(folder, _uids(messages), change, flags)
    return f"old {folder}: {_tags(messages)} {change}{' '.join(flags)}"


def old_moves(world: World, chance: random.Random) -> str | None:
    folder, messages = some(world.old, chance)
    if not messages:
        return None
    to = _other(world.old, chance, folder)
    for each in messages:
        world.note_old(each.tag, moves=1)
    world.old.move(folder, _uids(messages), to)
    return f"old {folder}: {_tags(messages)} to {to}"


def old_copies(world: World, chance: random.Random) -> str | None:
    folder, messages = some(world.old, chance, 1)
    if not messages:
        return None
    to = chance.choice(world.old.folders())
    world.note_old(messages[0].tag, new=1)
    world.old.copy(folder, _uids(messages), to)
    return f"old {folder}: {_tags(messages)} copied to {to}"


def old_deletes(world: World, chance: random.Random) -> str | None:
    folder, messages = some(world.old, chance)
    if not messages:
        return None
    for each in messages:
        world.note_old(each.tag, deleted=1)
    world.old.remove(folder, _uids(messages))
    return f"old {folder}: {_tags(messages)} deleted"


def old_makes_folder(world: World, chance: random.Random) -> str | None:
    if len(world.old.folders()) >= _MOST_FOLDERS:
        return None
    name = f"R{chance.randrange(10**6)}"
    world.old.create(name)
    world.change()
    return f"old {name} is made"


def old_renames_folder(world: World, chance: random.Random) -> str | None:
    """And with it the folders below."""
    names = _ordinary(world.old)
    if not names:
        return None
    return _old_renames(world, chance.choice(names), f"R{chance.randrange(10**6)}")


def _old_renames(world: World, name: str, to: str) -> str:
    names = _ordinary(world.old)
    for each in names:
        if each == name or each.startswith(f"{name}/"):
            for message in _read(world.old, each):
                world.note_old(message.tag, moves=1)
    world.change()
    world.old.rename(name, to)
    world.alike |= set(world.old.folders()) & set(world.new.folders()) - set(names) - set(SPECIAL)
    return f"old {name} is renamed {to}"


def old_deletes_folder(world: World, chance: random.Random) -> str | None:
    """With what is in it; or what is in it is moved first."""
    names = _ordinary(world.old)
    if not names:
        return None
    name = chance.choice(names)
    messages, moved = _read(world.old, name), chance.random() < 0.5
    to = _other(world.old, chance, name)
    for each in messages:
        world.note_old(each.tag, moves=1 if moved else 0, deleted=0 if moved else 1)
    world.change()
    if moved and messages:
        world.old.move(name, _uids(messages), to)
    world.old.delete(name)
    return f"old {name} is deleted ({_tags(messages)} {f'to {to} before' if moved else 'with it'})"


def old_resets(world: World, chance: random.Random) -> str | None:
    """A folder gets another UIDVALIDITY: it is made anew, with the same messages in it."""
    names = [name for name in _ordinary(world.old) if f"{name}/Q" not in world.old.folders()]
    if not names:
        return None
    name = chance.choice(names)
    messages = _read(world.old, name)
    for each in messages:
        world.note_old(each.tag)
    world.note_reset(name)
    world.old.delete(name)
    world.old.create(name)
    for each in messages:
        world.old.append(name, each.octets, each.flags, each.date)
    return f"old {name} has a new UIDVALIDITY ({_tags(messages)})"


# The new side: the member


def new_marks(world: World, chance: random.Random) -> str | None:
    folder, messages = some(world.new, chance)
    if not messages:
        return None
    change, flags = chance.choice("++-"), chance.sample(FLAGS, chance.choice((1, 1, 2)))
    for each in messages:
        world.note_new(each.tag, "marked", touched=1)
    marks = {flag.lower() for flag in flags}
    altered = [each for each in messages if (marks - each.flags if change == "+" else marks & each.flags)]
    world.note_marked(folder, world.new.read_folder(folder).uidvalidity, altered)
    world.new.store(folder, _uids(messages), change, flags)
    return f"NEW {folder}: {_tags(messages)} {change}{' '.join(flags)}"


def new_deletes(world: World, chance: random.Random) -> str | None:
    folder, messages = some(world.new, chance)
    if not messages:
        return None
    for each in messages:
        world.note_new(each.tag, "deleted", removed=1)
    world.new.remove(folder, _uids(messages))
    return f"NEW {folder}: {_tags(messages)} deleted"


def new_moves(world: World, chance: random.Random) -> str | None:
    folder, messages = some(world.new, chance)
    if not messages:
        return None
    to = _other(world.new, chance, folder)
    for each in messages:
        world.note_new(each.tag, "moved", touched=1, moved=1)
    world.new.move(folder, _uids(messages), to)
    return f"NEW {folder}: {_tags(messages)} to {to}"


def new_copies(world: World, chance: random.Random) -> str | None:
    folder, messages = some(world.new, chance, 1)
    if not messages:
        return None
    to = chance.choice(world.new.folders())
    world.note_new(messages[0].tag, "copied", made=1)
    world.new.copy(folder, _uids(messages), to)
    return f"NEW {folder}: {_tags(messages)} copied to {to}"


def new_gets_own(world: World, chance: random.Random) -> str | None:
    """A message that the old side never had."""
    folder, tag = chance.choice(world.new.folders()), f"own{chance.randrange(10**6)}"
    world.new.append(folder, b"Subject: %s\r\nX-Tag: %s\r\n\r\nhello\r\n" % (tag.encode(), tag.encode()))
    world.change()
    return f"NEW {folder} gets {tag}"


def new_gets_equal(world: World, chance: random.Random) -> str | None:
    """The member brings a message that the old side has by other means: with its date and flags, or with others."""
    _, messages = some(world.old, chance, 1)
    if not messages:
        return None
    folder, each, alike = chance.choice(world.new.folders()), messages[0], chance.random() < 0.6
    world.note_new(each.tag, "brought", made=1)
    flags = each.flags - {"\\deleted"} if alike else _some_flags(chance)
    world.new.append(folder, each.octets, flags, each.date if alike else each.date + 86_400)
    return f"NEW {folder} gets {each.tag} from the member{'' if alike else ', with another date'}"


def new_makes_folder(world: World, chance: random.Random) -> str | None:
    if len(world.new.folders()) >= _MOST_FOLDERS + 2:
        return None
    name = f"M{chance.randrange(10**6)}"
    world.new.create(name)
    world.folder(name)
    world.change()
    return f"NEW {name} is made"


def new_renames_folder(world: World, chance: random.Random) -> str | None:
    names = _ordinary(world.new)
    if not names:
        return None
    return _new_renames(world, chance.choice(names), f"M{chance.randrange(10**6)}")


def _new_renames(world: World, name: str, to: str) -> str:
    world.change()
    world.new.rename(name, to)
    for each in _ordinary(world.new):  # also what a run made below it a moment ago
        if each == to or each.startswith(f"{to}/"):
            world.folder(name + each[len(to) :])
            for message in _read(world.new, each):
                world.note_new(message.tag, "folder renamed")
    world.rename_new(name, to)
    return f"NEW {name} is renamed {to}"


def new_deletes_folder(world: World, chance: random.Random) -> str | None:
    names = _ordinary(world.new)
    if not names:
        return None
    name = chance.choice(names)
    messages = _read(world.new, name)
    world.folder(name)
    world.note_emptied(name)
    world.new.delete(name)  # some servers refuse one with folders in it (Cyrus)
    for each in messages:
        world.note_new(each.tag, "folder deleted", removed=1)
    world.delete_new(name)
    return f"NEW {name} is deleted ({_tags(messages)} with it)"


def new_resets(world: World, chance: random.Random) -> str | None:
    """The target gives a folder another UIDVALIDITY, with the same messages in it."""
    names = [name for name in _ordinary(world.new) if f"{name}/Q" not in world.new.folders()]
    if not names:
        return None
    name = chance.choice(names)
    messages = _read(world.new, name)
    world.folder(name)
    world.note_emptied(name)
    world.new.delete(name)
    world.new.create(name)
    for each in messages:
        world.note_new(each.tag, "reset")
        try:
            world.new.append(name, each.octets, each.flags, each.date)
        except Refused:
            world.note_new(each.tag, "deleted", removed=1)
    return f"NEW {name} has a new UIDVALIDITY ({_tags(messages)})"


def both_rename_folder(world: World, chance: random.Random) -> str | None:
    """Alike: a person who is told to tidy up does it in both mailboxes."""
    names = sorted(set(_ordinary(world.old)) & set(_ordinary(world.new)))
    if not names:
        return None
    name, to = chance.choice(names), f"R{chance.randrange(10**6)}"
    return f"{_new_renames(world, name, to)}; {_old_renames(world, name, to)}"


OLD: list[tuple[int, Deed]] = [
    (8, old_gets), (3, old_gets_equal), (7, old_marks), (7, old_moves), (2, old_copies), (4, old_deletes),
    (1, old_makes_folder), (2, old_renames_folder), (2, old_deletes_folder), (2, old_resets), (2, both_rename_folder),
]  # fmt: skip
NEW: list[tuple[int, Deed]] = [
    (5, new_marks), (4, new_deletes), (3, new_moves), (1, new_copies), (2, new_gets_own), (2, new_gets_equal),
    (1, new_makes_folder), (2, new_renames_folder), (1, new_deletes_folder), (1, new_resets),
]  # fmt: skip


def live(world: World, chance: random.Random) -> None:
    """One deed on one of the sides."""
    side = OLD if chance.random() < 0.62 else NEW
    (deed,) = chance.choices([deed for _, deed in side], [weight for weight, _ in side])
    try:
        world.tell(deed(world, chance) or f"({deed.__name__.replace('_', ' ')}: nothing to do it to)")
    except Refused as refusal:
        world.tell(f"({deed.__name__.replace('_', ' ')}: refused, {refusal})")
