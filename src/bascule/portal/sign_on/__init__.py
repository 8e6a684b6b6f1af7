"""Who is at the other end of a browser: sign-on with local accounts, LDAP, CAS and OpenID Connect, and with the new mailbox's own password from T on.

In: what was typed, or what a provider vouches for. Out: a session of a `bascule.portal.directory.models.Member`. Always true: nobody is made a member by
signing on; whoever is not on the institution's list is told so. The second factor is asked for after any of these ways.
"""
