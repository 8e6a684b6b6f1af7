"""All peers, in the order of the tables."""

from peers.bascule import Bascule
from peers.dsync import Dsync
from peers.imap_migrate import ImapMigrate
from peers.imapsync import Imapsync
from peers.mbsync import Mbsync
from peers.offlineimap import Offlineimap
from peers.peer import Peer

PEERS: tuple[Peer, ...] = (Bascule(), Imapsync(), Mbsync(), Offlineimap(), Dsync(), ImapMigrate())
BY_NAME = {peer.name: peer for peer in PEERS}
