"""The list of members as the institution's directory has it: the same text as somebody would have saved from a spreadsheet, so that one reading and one preview serve both."""

from collections.abc import Iterator, Mapping

from ldap3.core.exceptions import LDAPException

from bascule.campaign.members_file import LANGUAGES
from bascule.campaign.sheets import member_list
from bascule.campaign.wrong import ListRefused, gettext_noop
from bascule.portal.configuration import PortalSettings
from bascule.portal.ldap import reader, search

NAME = "LDAP"
_COLUMNS = ("sign_on", "name", "address", "aliases", "office", "site", "language", "wave")


def list_of(settings: PortalSettings) -> str:
    """As CSV, in the order of sign-on names. Raises ListRefused where the directory can't be asked, or finds nobody."""
    if not settings.ldap_uri or not settings.ldap_base:
        raise ListRefused(
            gettext_noop("No directory is named."), gettext_noop("Write its uri and base into [ldap] of bascule.toml.")
        )
    attributes = {column: getattr(settings, f"ldap_{column}") for column in _COLUMNS}
    wanted = sorted({attribute for attribute in attributes.values() if attribute})
    try:
        with reader(settings) as looking:
            rows = sorted(_rows(search(looking, settings, settings.ldap_members, wanted), attributes))
    except (LDAPException, OSError) as error:
        raise ListRefused(
            gettext_noop("The directory can't be asked: %(error)s."), gettext_noop("Nothing was changed. Try again, or look at [ldap] in bascule.toml."),
            error=str(error) or type(error).__name__,
        ) from error  # fmt: skip
    if not rows:
        raise ListRefused(
            gettext_noop("The directory finds nobody by %(filter)s."), gettext_noop("Nothing was changed. Look at “members” and “base” of [ldap] in bascule.toml."),
            filter=settings.ldap_members,
        )  # fmt: skip
    return member_list([_COLUMNS, *rows])


def _rows(
    entries: Iterator[tuple[str, dict[str, list[str]]]], attributes: Mapping[str, str]
) -> Iterator[tuple[str, ...]]:
    for _dn, told in entries:
        by_name = {name.lower(): values for name, values in told.items()}  # attribute names know no case: RFC 4512 §2.5
        values = {column: by_name.get(attribute.lower(), []) for column, attribute in attributes.items()}
        first = {column: found[0] if found else "" for column, found in values.items()}
        language = first["language"][:2].lower()
        yield (
            first["sign_on"], first["name"], first["address"], " ".join(values["aliases"]), first["office"], first["site"],
            language if language in LANGUAGES else "", first["wave"],
        )  # fmt: skip
