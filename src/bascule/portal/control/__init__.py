"""For those who run the move: how far it is, who has not looked yet, the calendar, what everybody is told."""
