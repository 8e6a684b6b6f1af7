"""At which message a source ends the connection: the window of what is asked for at once narrows until one stands alone."""

from dataclasses import dataclass

from bascule.sources.limits import LOST_AT_A_WINDOW, SUSPECTS, WINDOW_MESSAGES


@dataclass(slots=True)
class Narrowing:
    """``window``: how many messages to ask for at once.

    It is halved at each end of the connection from the second in a row on, and doubled with each window that is answered, so that a
    folder with one message at fault is read at full speed but for its neighbourhood.
    """

    most: int = WINDOW_MESSAGES
    window: int = WINDOW_MESSAGES
    _lost: int = 0
    _suspects: int = 0

    @property
    def in_flight(self) -> int:
        """How many windows to ask for before the first is answered: one, while it must be clear at which the connection ends."""
        return 2 if self.window == self.most else 1

    def arrived(self) -> None:
        """Some messages came."""
        self._lost = self._suspects = 0

    def answered(self) -> None:
        """A window was answered."""
        self.window = min(self.most, self.window * 2)

    def lost(self) -> bool:
        """The connection ended. True: at the first message of what is left, which was asked for alone and not only once."""
        self._lost += 1
        if self._lost < LOST_AT_A_WINDOW:
            return False
        if self.window > 1:
            self.window = self.window // 2
            self._lost = LOST_AT_A_WINDOW - 1 if self.window > 1 else 0
            return False
        self._lost = 0
        self._suspects += 1
        return True

    @property
    def is_hopeless(self) -> bool:
        """So many messages in a row can't all be at fault."""
        return self._suspects >= SUSPECTS
