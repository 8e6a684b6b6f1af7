"""What is said is tested, and nothing else is said."""

from pathlib import Path

from bascule.platform.imap.capabilities import AFTER_SIGN_IN, BEFORE_SIGN_IN

FILES = {path.stem.removeprefix("test_") for path in Path(__file__).parent.glob("test_*.py")}
IN_ANOTHERS_FILE = {
    "create_special_use": "special_use", "children": "list_extended", "thread=references": "thread", "thread=orderedsubject": "thread",
    "quota=res_storage": "quota",
}  # fmt: skip


def file_of(capability: str) -> str:
    name = capability.lower().replace("-", "_").replace("+", "_plus")
    return IN_ANOTHERS_FILE.get(name, name.replace("=", "_"))


def test_each_capability_has_a_test_file_of_its_name(client) -> None:
    said = (
        set(client.ok("CAPABILITY").lines[0].decode().split()[2:])
        | set(BEFORE_SIGN_IN)
        | set(AFTER_SIGN_IN)
        | {"STARTTLS"}
    )
    said = {name.split("=")[0] if name.startswith(("APPENDLIMIT", "COMPRESS")) else name for name in said}
    said = {"ACL" if name.startswith("RIGHTS=") else name for name in said}  # RFC 4314 §5: a part of ACL's capability
    assert {file_of(name) for name in said} - FILES == set()
