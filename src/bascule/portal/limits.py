"""What a browser, or whoever poses as one, decides about a page's thread, memory and place ends here, with each limit's reason. What Django limits is in `django_settings`."""

CONNECTIONS = 4000
"""Of one process. Who comes behind them waits until one is closed; a browser opens six, and closes them some seconds after a page."""
HEADER_SECONDS = 10
"""From a connection's beginning, or the answer before, to the end of a request's header: so long is an idle connection kept."""
BODY_SECONDS = 120.0
"""For a request's body: the largest list takes as long at 1.4 Mbit/s."""
BODY_OCTETS = 21_000_000
"""The largest list (`FILE_UPLOAD_MAX_MEMORY_SIZE`) with the form around it. It is held in memory: it may have passwords."""
SMALL_BODY_OCTETS = 16 * 1024
"""Forms are smaller. With `CONNECTIONS` that all send one, 64 MB."""
LARGE_BODIES = 4
"""On their way to one process at once: 84 MB. The next is asked to come again…"""
LARGE_BODIES_OF_ONE_NETWORK = 2
"""…and so is one network with more of them: others can still bring a list."""
