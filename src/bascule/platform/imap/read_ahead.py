"""Commands that a connection has read and not carried out."""

from collections import deque

from bascule.platform.imap import limits
from bascule.platform.spool import Spool
from bascule.protocols.imap.receiver import Announcement, Frame


class ReadAhead(deque[Frame]):
    """``octets``: that they hold in memory; ``taken_octets``: of those that were taken from it since `done`, which are being carried out. ``most_octets``
    and ``most_frames``: that may wait."""

    def __init__(self) -> None:
        super().__init__()
        self.most_octets = limits.BEFORE_SIGN_IN.response_octets
        self.most_frames = limits.STRANGERS_FRAMES_WAITING
        self.octets = 0
        self.taken_octets = 0
        self._files = 0

    @property
    def are_enough(self) -> bool:
        """Whether nothing more is to be read ahead. The next command is not begun beside one that waits with a file: so a connection has two of these."""
        return len(self) >= self.most_frames or self.octets >= self.most_octets or self._files > 0

    @property
    def are_few(self) -> bool:
        """Whether reading ahead begins again: not for each command that is taken."""
        return len(self) < self.most_frames // 2 and self.octets < self.most_octets // 2 and not self._files

    def append(self, frame: Frame) -> None:
        self._count(frame, 1)
        super().append(frame)

    def popleft(self) -> Frame:
        frame = super().popleft()
        self.taken_octets += self._count(frame, -1)
        return frame

    def clear(self) -> None:
        super().clear()
        self.octets = self._files = 0

    def done(self) -> None:
        self.taken_octets = 0

    def _count(self, frame: Frame, sign: int) -> int:
        """What it holds. An announcement is a part of what is still coming, which is counted there."""
        if isinstance(frame, Announcement):
            return 0
        held = sum(len(part) for part in frame if isinstance(part, bytes))
        self.octets += sign * held
        self._files += sign * any(isinstance(part, Spool) for part in frame)
        return held
