"""Put the services together from a configuration: in this process, or as one of its own."""

import secrets
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from pydantic import BaseModel, ConfigDict

from strongroom.devnet.clob.admission import Admission
from strongroom.devnet.clob.auth import Authority
from strongroom.devnet.clob.engine import MatchingEngine
from strongroom.devnet.clob.habits import DEFAULT, Habits
from strongroom.devnet.clob.markets import Listing
from strongroom.devnet.clob.node import Operator, VenueNode
from strongroom.devnet.clob.server import ClobServer, Services, create_app
from strongroom.devnet.clob.settlement import ContractAddresses, VenueChain
from strongroom.devnet.data_api import TradingApproval, create_data_api
from strongroom.devnet.gamma import create_gamma
from strongroom.devnet.relayer.actions import Actions
from strongroom.devnet.relayer.app import create_relayer
from strongroom.devnet.relayer.chain import NodeRelayChain, RelayChain, RelayContracts
from strongroom.devnet.relayer.keys import RelayerKeys
from strongroom.devnet.relayer.parts import RelayerParts
from strongroom.devnet.relayer.relayer import Relayer
from strongroom.devnet.relayer.session_keys import SessionKeys
from strongroom.information.gamma import MarketRecord


class ServiceConfig(BaseModel):
    """Where the service's chain is, and what it lists."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rpc_url: str
    chain_id: int
    pusd: str
    ctf: str
    wallets: str
    wallet_factory: str
    position_manager: str  # of Protocol V2
    listings: tuple[Listing, ...]
    admission: Admission = "open"  # "known_wallets": the venue's own wallets only
    habits: Habits = DEFAULT
    approvals: tuple[TradingApproval, ...] = ()

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
        gamma: records of the markets, served below /gamma; beside it are /relayer and /data
    """

    def build() -> Services:
        node = VenueNode(config.rpc_url)
        sender = Operator(node, config.chain_id, operator)
        contracts = ContractAddresses(
            config.pusd, config.ctf, config.wallets, config.position_manager
        )
        engine = MatchingEngine(
            VenueChain(node, sender, contracts),
            config.chain_id,
            config.listings,
            config.admission,
            clock,
            habits=config.habits,
        )
        makers = RelayContracts(config.wallet_factory, config.wallets)
        chain = NodeRelayChain(node, sender, makers)
        return Services(engine, make_relayer(engine, chain, makers, authority, keys))

    authority = Authority(config.chain_id, secrets.token_bytes(32), time.time)
    keys = RelayerKeys(time.time)
    app = create_app(build, authority)
    app.mount("/gamma", create_gamma(gamma, lambda: app.state.engine))
    app.mount("/relayer", create_relayer(lambda: app.state.relayer))
    data = create_data_api(lambda: app.state.engine, time.time, config.chain_id, config.approvals)
    app.mount("/data", data)
    return ClobServer(app, port=port)


def make_relayer(
    engine: MatchingEngine,
    chain: RelayChain,
    contracts: RelayContracts,
    authority: Authority,
    keys: RelayerKeys,
) -> RelayerParts:
    """Return the relayer beside an engine: they share session keys, habits and the operator."""

    def habits() -> Habits:
        return engine.habits

    def ended(wallet: str, address: str) -> None:
        engine.cancel_of(wallet, authority.keys_of(to_checksum_address(address)))

    actions = Actions(chain, time.time, habits)
    relayer = Relayer(chain, contracts, actions, engine.sessions, engine.clock, habits)
    session_keys = SessionKeys(relayer, engine.sessions, ended, time.time, habits)
    return RelayerParts(relayer, session_keys, keys)
