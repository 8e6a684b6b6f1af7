"""Which addresses are an account's own."""

from bascule.platform.accounts import Account


def is_own(address: str, account: Account) -> bool:
    """Whether ``address`` is one of the account's, with or without a detail (``name+detail``, RFC 5233)."""
    local, _, domain = address.lower().rpartition("@")
    return bool({f"{local}@{domain}", f"{local.partition('+')[0]}@{domain}"} & {account.login, *account.addresses})
