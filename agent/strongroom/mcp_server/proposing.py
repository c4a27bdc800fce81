"""The tools of a client who may propose. They take ids and whole numbers, write a file into the
keeper's queue, and answer with the rule that stands against it, if one does. Nothing here decides,
signs or sends."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.types import ToolAnnotations
from pydantic import Field, StrictStr

from strongroom.chain.units import MICRO, format_units
from strongroom.information.client_trades import LONGEST_S, QueueFull, TradeQueue, TradeTerms
from strongroom.keeper.configuration import PROPOSALS, Config
from strongroom.keeper.pack_sections import parameters_of
from strongroom.mcp_server.answers import ProposalAnswer
from strongroom.mcp_server.server import in_our_words
from strongroom.mcp_server.tokens import ToolScope
from strongroom.mcp_server.watching import ServedTool, ToolClient
from strongroom.settings import ConfigError
from strongroom.strategy.api import BadParameters, with_parameters
from strongroom.strategy.packs.proposals import Proposals

SPENDS = ToolAnnotations(
    read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False
)
ASKS = ToolAnnotations(read_only_hint=True, destructive_hint=False, open_world_hint=False)
SOONEST_S = 10  # before that no keeper ticks
ProposalId = Annotated[
    StrictStr, Field(pattern=r"^0x[0-9a-f]{64}$", description="Id from propose_trade.")
]


@dataclass(frozen=True)
class ProposalDesk:
    """Takes proposals in.

    Attributes:
        pack: has the limits of each client
        most: proposals of a client that may wait at once
    """

    queue: TradeQueue
    pack: Proposals
    most: int
    client: Callable[[], ToolClient]
    clock: Callable[[], float]

    def propose(self, trade: TradeTerms) -> ProposalAnswer:
        """Keep a proposal; raises ToolError with the line that stands against it."""
        who, now = self.client().name, int(self.clock())
        limits = self.pack.clients.get(who)
        if limits is None:
            raise ToolError(f"policy line packs.proposals.clients: {who} is not named there")
        most = int(limits.each * MICRO)
        if trade.size * trade.price > most * MICRO:
            raise ToolError(
                f"policy line packs.proposals.clients.{who}.each: at most {format_units(most)}"
            )
        if not now + SOONEST_S <= trade.good_until <= now + LONGEST_S:
            raise ToolError(
                f"policy line good_until: between {SOONEST_S} and {LONGEST_S} seconds from now, "
                f"which is {now}"
            )
        try:
            name = self.queue.put(who, trade, now, self.most)
        except QueueFull as error:
            raise ToolError(f"policy line proposals.most_waiting: {error}") from error
        return self.stands(name)

    def stands(self, name: str) -> ProposalAnswer:
        """Return how a proposal of this client stands; raises ToolError: he has none of this id."""
        found = self.queue.state(self.client().name, name, int(self.clock()))
        if found is None:
            raise ToolError("this client has no proposal of this id")
        return ProposalAnswer(name, found.state, found.line, found.decision)


def proposing_tools(
    config: Config, client: Callable[[], ToolClient], clock: Callable[[], float]
) -> list[ServedTool]:
    """Return the tools of clients who may propose; none where the keeper's file takes no proposals.

    Raises:
        ConfigError: the pack does not take its parameters.
    """
    if config.proposals is None:
        return []
    try:
        pack = with_parameters(PROPOSALS, Proposals, parameters_of(config.packs)[PROPOSALS])
    except BadParameters as error:
        raise ConfigError(f"[packs] {error}") from error
    assert isinstance(pack, Proposals)
    queue = TradeQueue(config.proposals.folder)
    desk = ProposalDesk(queue, pack, config.proposals.most_waiting, client, clock)

    def propose_trade(trade: TradeTerms) -> ProposalAnswer:
        """Propose a purchase. The keeper decides by its own rules and limits, later or never; the
        contract bounds what it can commit. The same proposal twice is one."""
        return desk.propose(trade)

    def get_proposal(proposal: ProposalId) -> ProposalAnswer:
        """How a proposal of yours stands."""
        return desk.stands(proposal)

    return [
        ServedTool(Tool.from_function(in_our_words(function), annotations=how), ToolScope.PROPOSE)
        for function, how in ((propose_trade, SPENDS), (get_proposal, ASKS))
    ]
