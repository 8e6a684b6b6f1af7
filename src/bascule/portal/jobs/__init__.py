"""Long work that goes on when nobody waits for it: a row with a lease; and wake-ups, which only say *look at row n now*.

In: what rooms ask for (`asking.ask`), by kind and order. Out: how far it is, what became of each item, how it ended. Always true: the row is the truth,
a lost wake-up costs seconds (`working.Worker.reconcile`); one worker at a time has a row, by the database's clock, and writes for it only while it
does (`lease.Hold.require`); a worker that dies leaves whole what it did, and another goes on.
"""
