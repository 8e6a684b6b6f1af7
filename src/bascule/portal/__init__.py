"""The portal: where people sign on, find their way and their credentials, and where operators run the move. Django stays in here.

In: requests of browsers; what commands ask for. Out: pages; and the accounts that the mail servers go by (`bascule.portal.accounts`). Rooms
(`home`, `credentials`, …) do not import one another; they stand on `directory` (who is there), `shell` (how pages look) and `sign_on`.
"""
