"""“Mes identifiants”: the login and the password of the new mailbox, from the opening instant on; and how to carry, try and change it.

Always true: a password is in no page that was not asked for it, in no URL, in no log; each time that it is shown is recorded.
"""
