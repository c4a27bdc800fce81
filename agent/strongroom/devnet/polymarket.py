"""The devnet's Polymarket: its contracts at the addresses that the official client signs for, its
recorded markets with their real ids, and the CLOB service.

Runs on anvil, which takes code at any address. The chain id is Amoy's (80002): the client knows no
other test network, and nothing signed here counts on Polygon.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from py_clob_client_v2.config import get_contract_config

from strongroom.chain.contracts import Contract, Key
from strongroom.chain.ids import Question, question_number
from strongroom.chain.units import MAX_UINT256
from strongroom.devnet.clob.admission import Admission
from strongroom.devnet.clob.habits import DEFAULT, Habits
from strongroom.devnet.clob.markets import Listing
from strongroom.devnet.clob.service import ServiceConfig
from strongroom.devnet.contracts import Venue, deploy_venue
from strongroom.devnet.data_api import TradingApproval
from strongroom.devnet.deployer import AnvilDeployer
from strongroom.errors import Differs
from strongroom.information.gamma import FeeSchedule, Market

CHAIN_ID = 80_002
_CLIENT = get_contract_config(CHAIN_ID)
# Name in Venue -> address. Those of USDC.e and the wrapped collateral are Polygon's, since the ids
# of outcome tokens follow from them.
ADDRESSES = {
    "usdc": "0x2791Bca1f2de4661ED88A30C99A7a9449Aa84174",
    "wrapped": "0x3A3BD7bb9528E159577F7C2e685CC81A765002E2",
    "pusd": _CLIENT.collateral,
    "ctf": _CLIENT.conditional_tokens,
    "onramp": "0x93070a847efEf7F70739046A929D47a521F5B8ee",
    "offramp": "0x2957922Eb93258b93368531d39fAcCA3B4dC5854",
    "adapter": "0xAdA100Db00Ca00073811820692005400218FcE1f",
    "neg_risk_adapter": _CLIENT.neg_risk_adapter,
    "neg_risk_collateral_adapter": "0xadA2005600Dec949baf300f4C6120000bDB6eAab",
    "exchange": _CLIENT.exchange_v2,
    "neg_risk_exchange": _CLIENT.neg_risk_exchange_v2,
    "exchange_v3": _CLIENT.exchange_v3,
    "router": "0x12121212006e4CD160D18e3f00711DA5c3372600",
    "position_manager": "0x006F54F7f9A22e0000CC2AB60031000000ae9fEF",
    "binary_module": "0x1000008dD9001B968442c1000017eaE6E0dA00Ba",
    "neg_risk_module": "0x200000900045e3B6259600682756002200028933",
    "combinatorial_module": "0x30000034706c7d8e12009dab006be20000c031a8",
    "wallet": "0xf7f27C29e60fe6325beF8dA7F93250353d2e3294",
    "wallet_beacon": "0x7A18EDfe055488A3128f01F563e5B479D92ffc3a",
    "wallet_factory": "0x00000000000Fb5C9ADea0298D729A0CB3823Cc07",
}
# Of the venue's contracts that the devnet has none of, where they are on Polygon: wallets approve
# them all the same.
ELSEWHERE = {
    "auto_redeem": "0xa1200000d0002264C9a1698e001292D00E1b00af",
    "perps_deposit": "0xDCa4af75705dbB50f62437045afF9921947917d2",
}


class MarketMismatch(Differs):
    """A recorded market's ids are not what its own data make them."""


@dataclass(frozen=True)
class Polymarket:
    """The venue on a chain."""

    venue: Venue
    listings: tuple[Listing, ...]

    def service_config(
        self, rpc_url: str, admission: Admission = "open", habits: Habits = DEFAULT
    ) -> ServiceConfig:
        """Return what the CLOB service needs to know."""
        return ServiceConfig(
            rpc_url=rpc_url,
            chain_id=CHAIN_ID,
            pusd=self.venue.pusd.address,
            ctf=self.venue.ctf.address,
            wallets=self.venue.wallets.address,
            wallet_factory=self.venue.wallet_factory.address,
            position_manager=self.venue.positions.position_manager.address,
            listings=self.listings,
            admission=admission,
            habits=habits,
            approvals=trading_approvals(self.venue),
        )

    def set_operator(self, admin: Key, operator: Key) -> None:
        """Let `operator` settle at all exchanges, and carry the batches of wallets."""
        venue = self.venue
        for exchange in (venue.exchange, venue.neg_risk_exchange, venue.positions.exchange_v3):
            exchange.addOperator(operator, sender=admin)
        venue.wallet_factory.addOperator(operator, sender=admin)


def deploy(deployer: AnvilDeployer, markets: Iterable[Market]) -> Polymarket:
    """Deploy the venue at its addresses and prepare the conditions of `markets`.

    Raises:
        MarketMismatch: a market's ids do not follow from its oracle and question.
    """
    venue = deploy_venue(deployer, ADDRESSES)
    return Polymarket(venue, tuple(prepare_markets(venue, deployer, markets)))


def prepare_markets(venue: Venue, deployer: Key, markets: Iterable[Market]) -> list[Listing]:
    """Re-create recorded markets with their real condition and token ids; return their listings.

    An event is prepared with as many questions as the highest recorded one says.
    """
    chosen = list(markets)
    events: dict[Question, int] = {}
    for market in chosen:
        if market.event_id is not None:
            number = question_number(market.question_id) + 1
            events[market.event_id] = max(number, events.get(market.event_id, 2))
    for event_id, count in events.items():
        venue.neg_risk_adapter.prepareRecordedMarket(event_id, 0, count, sender=deployer)
    listings = []
    for market in chosen:
        if market.event_id is None:
            venue.ctf.prepareCondition(market.oracle, market.question_id, 2, sender=deployer)
        if venue.ctf.getOutcomeSlotCount(market.condition_id) != 2:
            raise MarketMismatch(f"{market.question}: its condition id is of another question")
        listings.append(listing_of(venue, market))
    return listings


def listing_of(venue: Venue, market: Market, fees: FeeSchedule | None = None) -> Listing:
    """Return what the service lists of a recorded market."""
    negative_risk = market.event_id is not None
    exchange = venue.neg_risk_exchange if negative_risk else venue.exchange
    yes, no = market.token_ids
    return Listing(
        condition_id=market.condition_id,
        token_ids=(str(yes), str(no)),
        question=market.question,
        outcomes=market.outcomes,
        exchange=exchange.address,
        exchange_version=venue.exchange_version,
        negative_risk=negative_risk,
        tick=market.tick,
        min_size=market.min_size,
        fees=fees or market.fees,
    )


def trading_approvals(venue: Venue) -> tuple[TradingApproval, ...]:
    """Return what a wallet approves before it trades everywhere (VENUE 0)."""
    both = [
        each.address
        for each in (
            venue.exchange,
            venue.neg_risk_exchange,
            venue.adapter,
            venue.neg_risk_collateral_adapter,
        )
    ]
    protocol, redeemer = venue.positions, ELSEWHERE["auto_redeem"]
    newer = [protocol.router.address, protocol.exchange_v3.address]
    modules = [protocol.binary_module.address, protocol.neg_risk_module.address]

    def of(
        token: str, standard: Literal["ERC20", "ERC1155"], who: list[str]
    ) -> list[TradingApproval]:
        return [TradingApproval(token=token, spender=each, standard=standard) for each in who]

    return (
        *of(venue.pusd.address, "ERC20", [*both, *newer, ELSEWHERE["perps_deposit"]]),
        *of(venue.ctf.address, "ERC1155", [*both, redeemer, *modules]),
        *of(protocol.position_manager.address, "ERC1155", [*newer, redeemer]),
    )


def approve_venue(venue: Venue, trader: Key) -> None:
    """Let exchanges, adapters and the router move a trader's pUSD and outcome tokens."""
    spenders: Sequence[Contract] = (
        venue.exchange,
        venue.neg_risk_exchange,
        venue.adapter,
        venue.neg_risk_collateral_adapter,
    )
    for spender in spenders:
        venue.pusd.approve(spender, MAX_UINT256, sender=trader)
        venue.ctf.setApprovalForAll(spender, True, sender=trader)
    for spender in (venue.positions.exchange_v3, venue.positions.router):
        venue.pusd.approve(spender, MAX_UINT256, sender=trader)
        venue.positions.position_manager.setApprovalForAll(spender, True, sender=trader)
