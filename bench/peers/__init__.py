"""Other programs that copy mailboxes, on the same quirks and histories as `bascule copy`, judged by what the stores hold.

In: a catalogue of server quirks (`tests/support/quirks`), histories of several runs (`histories`), and whichever peers are installed. Out: a
JSON file of outcomes, and from it Markdown tables for `docs/benchmarks.md`. Always true: Bascule and its peers pass through the same
code and the same yardstick, each as a process of its own with the same time; nothing of a peer's is in here but how it is called.
"""
