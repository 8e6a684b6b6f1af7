"""What is compressed, encrypted or in a form that Bascule does not read is named, and is never taken for a message."""

import bz2
import gzip
import io
import lzma
import shutil
import tarfile
from pathlib import Path

import pytest

from bascule.sources.files import detect_kind
from bascule.terms import BasculeError
from sources.test_nothing_in_silence import mail, maildir, mbox, take_in, write
from support import messages, reference
from support.command import bascule, report_of
from support.dovecot import PrivateDovecot

PACKED = {
    "gzip": gzip.compress(mail("packed")),
    "bzip2": bz2.compress(mail("packed")),
    "bzip2 of nothing": bz2.compress(b""),
    "xz": lzma.compress(mail("packed")),
    "zstd": b"\x28\xb5\x2f\xfd and more",
    "lz4": b"\x04\x22\x4d\x18 and more",
    "lz4 of Dovecot": b"Dovecot-LZ4\r*\x9b\xc5 and more",
}


def tar() -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as opened:
        opened.addfile(tarfile.TarInfo("mail.eml"))
    return whole.getvalue()


OTHERS = {
    "in a tar": tar(),
    "of MMDF": b"\1\1\1\1\n" + mail("mmdf") + b"\1\1\1\1\n",
    "of UW-IMAP": b"*mbx*\r\n5e135e0100000002\r\n" + b"\r\n" * 30,
    "of Emacs": b"BABYL OPTIONS: -*- rmail -*-\nVersion: 5\n\x1f",
}


@pytest.mark.parametrize("octets", PACKED.values(), ids=PACKED)
def test_what_a_server_keeps_compressed_is_no_message_of_a_maildir(octets: bytes, tmp_path: Path) -> None:
    root = maildir(tmp_path / "Maildir", ".")
    write(root / "cur/2.b:2,S", octets)
    taken = take_in(root)
    assert taken.subjects == {"INBOX": ["in ."]}
    assert len(taken.messages) == 1
    assert "2.b: it is compressed" in taken.messages[0]
    assert "have that server give it by IMAP" in taken.messages[0]


def test_what_a_server_keeps_encrypted_is_no_message_either(tmp_path: Path) -> None:
    root = maildir(tmp_path / "Maildir", ".")
    write(root / "new/2.b", b"CRYPTED\x03\x07\x02 and more")
    assert take_in(root).messages == [
        "2.b: it is encrypted: where a server keeps its mail so, have that server give it by IMAP"
    ]


def test_a_message_may_begin_as_a_compressed_file_almost_does(tmp_path: Path) -> None:
    write(tmp_path / "d/a.eml", b"BZh9: a field\r\nSubject: a\r\n\r\n")
    assert take_in(tmp_path / "d").subjects == {"INBOX": ["a"]}


@pytest.mark.parametrize("octets", [*PACKED.values(), *OTHERS.values()], ids=[*PACKED, *OTHERS])
def test_mail_in_another_form_that_lies_beside_mail_is_named(octets: bytes, tmp_path: Path) -> None:
    write(tmp_path / "d/good.eml", mail("good"))
    write(tmp_path / "d/old/Archive2019", octets)
    taken = take_in(tmp_path / "d")
    assert taken.subjects == {"INBOX": ["good"]}
    assert [told.partition(" ")[0] for told in taken.messages] == ["Archive2019:"]
    assert taken.notes == []


@pytest.mark.parametrize("octets", [*PACKED.values(), *OTHERS.values()], ids=[*PACKED, *OTHERS])
def test_a_file_in_another_form_is_refused_with_what_to_do(octets: bytes, tmp_path: Path) -> None:
    write(tmp_path / "mail", octets)
    with pytest.raises(BasculeError) as refused:
        detect_kind(tmp_path / "mail")
    assert "can’t be imported" in refused.value.message


@pytest.mark.parametrize("octets", [*PACKED.values(), *OTHERS.values()], ids=[*PACKED, *OTHERS])
def test_who_calls_such_a_file_an_mbox_does_not_make_it_one(octets: bytes, tmp_path: Path) -> None:
    write(tmp_path / "mail", octets)
    taken = take_in(tmp_path / "mail", "mbox")
    assert taken.subjects == {}
    assert list(taken.folders) == ["INBOX"]


def test_an_export_that_holds_such_a_message_is_read_as_it_was_written(tmp_path: Path) -> None:
    write(tmp_path / "box", mbox("one").replace(b"Subject: one\n\ntext\n", PACKED["zstd"]))
    bascule(tmp_path, "import", tmp_path / "box", tmp_path / "m")
    bascule(tmp_path, "export", tmp_path / "m", tmp_path / "out", "--format", "eml")
    assert report_of(bascule(tmp_path, "import", tmp_path / "out", tmp_path / "n", "--json"))["totals"]["found"] == 1


@pytest.mark.needs("dovecot")
def test_the_maildir_of_a_server_that_compresses_ends_with_a_word_and_not_with_its_octets_as_mail(
    tmp_path: Path,
) -> None:
    saves = "\nmail_plugins = $mail_plugins zlib\nplugin {\n zlib_save = gz\n}\n"
    with PrivateDovecot(tmp_path / "d", format="maildir", settings=saves) as server:
        reference.append(server.port, "anna", "INBOX", messages.many(3))
        shutil.copytree(next((server.root / "mail").rglob("Maildir")), tmp_path / "Maildir")
    report = report_of(bascule(tmp_path, "import", tmp_path / "Maildir", tmp_path / "m", "--json", status=1))
    assert report["totals"]["refused"] == report["totals"]["found"] > 2
