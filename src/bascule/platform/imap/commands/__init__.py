"""The commands, by name: one file each, or a few that are one another's mirror."""

from bascule.platform.imap.commands import (
    acl,
    append,
    authenticate,
    capability,
    compress,
    copy,
    create,
    delete,
    enable,
    expunge,
    fetch,
    identify,
    idle,
    list,
    logout,
    namespace,
    noop,
    quota,
    rename,
    search,
    select,
    sort,
    starttls,
    status,
    store,
    subscribe,
    thread,
)
from bascule.platform.imap.commands.command import Command, Run
from bascule.platform.imap.states import State

_NOT_SIGNED_IN = frozenset({State.NOT_SIGNED_IN})
_SIGNED_IN = frozenset({State.SIGNED_IN, State.SELECTED})
_SELECTED = frozenset({State.SELECTED})
_ANY = _NOT_SIGNED_IN | _SIGNED_IN

_BY_STATE: dict[frozenset[State], dict[str, Run]] = {
    _ANY: {"CAPABILITY": capability.run, "NOOP": noop.run, "LOGOUT": logout.run, "ID": identify.run},
    _NOT_SIGNED_IN: {"LOGIN": authenticate.login, "AUTHENTICATE": authenticate.run, "STARTTLS": starttls.run},
    _SIGNED_IN: {
        "ENABLE": enable.run,
        "SELECT": select.run,
        "EXAMINE": select.run,
        "CREATE": create.run,
        "DELETE": delete.run,
        "RENAME": rename.run,
        "SUBSCRIBE": subscribe.run,
        "UNSUBSCRIBE": subscribe.run,
        "LIST": list.run,
        "LSUB": list.lsub,
        "NAMESPACE": namespace.run,
        "STATUS": status.run,
        "APPEND": append.run,
        "IDLE": idle.run,
        "GETQUOTA": quota.get,
        "GETQUOTAROOT": quota.get_root,
        "SETQUOTA": quota.set_,
        "COMPRESS": compress.run,
        "GETACL": acl.get,
        "SETACL": acl.set_,
        "DELETEACL": acl.delete,
        "LISTRIGHTS": acl.list_,
        "MYRIGHTS": acl.mine,
    },
    _SELECTED: {
        "CHECK": noop.run,
        "CLOSE": expunge.close,
        "UNSELECT": expunge.unselect,
        "EXPUNGE": expunge.run,
        "UID EXPUNGE": expunge.run,
        **{uid + "FETCH": fetch.run for uid in ("", "UID ")},
        **{uid + "STORE": store.run for uid in ("", "UID ")},
        **{uid + "COPY": copy.run for uid in ("", "UID ")},
        **{uid + "MOVE": copy.move for uid in ("", "UID ")},
        **{uid + "SEARCH": search.run for uid in ("", "UID ")},
        **{uid + "SORT": sort.run for uid in ("", "UID ")},
        **{uid + "THREAD": thread.run for uid in ("", "UID ")},
    },
}
COMMANDS = {name: Command(run, states) for states, runs in _BY_STATE.items() for name, run in runs.items()}
