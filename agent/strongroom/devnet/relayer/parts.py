"""What the relayer consists of, as the routes use it."""

from dataclasses import dataclass

from strongroom.devnet.relayer.keys import RelayerKeys
from strongroom.devnet.relayer.relayer import Relayer
from strongroom.devnet.relayer.session_keys import SessionKeys


@dataclass(frozen=True)
class RelayerParts:
    """The relayer."""

    relayer: Relayer
    session_keys: SessionKeys
    keys: RelayerKeys
