"""Put the service together from a configuration: in this process, or as one of its own."""

import secrets
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from eth_account.signers.local import LocalAccount
from pydantic import BaseModel, ConfigDict

from strongroom.devnet.clob.admission import Admission
from strongroom.devnet.clob.auth import Authority
from strongroom.devnet.clob.engine import MatchingEngine
from strongroom.devnet.clob.gamma import create_gamma
from strongroom.devnet.clob.habits import DEFAULT, Habits
from strongroom.devnet.clob.markets import Listing
from strongroom.devnet.clob.node import Operator, VenueNode
from strongroom.devnet.clob.server import ClobServer, create_app
from strongroom.devnet.clob.settlement import ContractAddresses, VenueChain
from strongroom.information.gamma import MarketRecord


class ServiceConfig(BaseModel):
    """Where the service's chain is, and what it lists."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rpc_url: str
    chain_id: int
    pusd: str
    ctf: str
    wallets: str
    listings: tuple[Listing, ...]
    admission: Admission = "open"  # "known_wallets": the venue's own wallets only
    habits: Habits = DEFAULT

    def write(self, path: Path) -> Path:
        """Write it for a service in a process of its own."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.model_dump_json(indent=1) + "\n")
        return path


def make_service(
    config: ServiceConfig,
    operator: LocalAccount,
    port: int = 0,
    clock: Callable[[], float] = time.time,
    gamma: Callable[[], Sequence[MarketRecord]] = lambda: (),
) -> ClobServer:
    """Return the service, not yet started.

    Args:
        operator: settles at the exchanges; must be their operator and hold gas
        port: 0 takes a free one
        clock: of orders and trades, where the chain's time is not this machine's; clients'
            requests are checked against this machine's in any case
        gamma: records of the markets, served below /gamma
    """

    def build() -> MatchingEngine:
        node = VenueNode(config.rpc_url)
        sender = Operator(node, config.chain_id, operator)
        contracts = ContractAddresses(config.pusd, config.ctf, config.wallets)
        chain = VenueChain(node, sender, contracts)
        return MatchingEngine(
            chain,
            config.chain_id,
            config.listings,
            config.admission,
            clock,
            habits=config.habits,
        )

    authority = Authority(config.chain_id, secrets.token_bytes(32), time.time)
    app = create_app(build, authority)
    app.mount("/gamma", create_gamma(gamma, lambda: app.state.engine))
    return ClobServer(app, port=port)
