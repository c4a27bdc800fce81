"""An anvil of the devnet's own: without step tracing, which makes settlements four times slower."""

from collections.abc import Iterator
from contextlib import contextmanager

from strongroom.chain.anvil import anvil
from strongroom.deployment.compiled import connected

ACCOUNTS = 20
MNEMONIC = "test test test test test test test test test test test junk"  # ape's and anvil's own


@contextmanager
def devnet_chain(chain_id: int, port: int = 0, timestamp: int | None = None) -> Iterator[str]:
    """Run anvil and connect ape to it; yield its URL.

    Args:
        port: 0 takes a free one
        timestamp: of the first block, instead of now

    Raises:
        AnvilMissing: it is not installed or does not answer.
    """
    options = ["--chain-id", str(chain_id), "--accounts", str(ACCOUNTS), "--mnemonic", MNEMONIC]
    if timestamp is not None:
        options += ["--timestamp", str(timestamp)]
    with anvil(*options, port=port) as url, connected(url):
        yield url
