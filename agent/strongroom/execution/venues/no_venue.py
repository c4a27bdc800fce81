"""The order service of a maker whose key is not here: nothing leaves, and nothing is known."""

from dataclasses import replace

from py_clob_client_v2.order_utils.model.order_data_v2 import OrderV2

from strongroom.chain.ids import ConditionId, OrderHash, TokenId
from strongroom.chain.orders import OrderKind
from strongroom.execution.interfaces import VenueAnswer
from strongroom.journal.states import AnswerKind

SILENCE = VenueAnswer(AnswerKind.SILENT, detail="its key is not here")


class NoVenue:
    """A service that nobody here may ask."""

    trouble = ""

    def place(
        self, order: OrderV2, signature: bytes, kind: OrderKind = OrderKind.GTC, expiry: int = 0
    ) -> VenueAnswer:
        """Not posted."""
        return replace(SILENCE, kind=AnswerKind.UNSENT)

    def look(self, order_hash: OrderHash) -> VenueAnswer:
        """No answer."""
        return SILENCE

    def cancel(self, order_hash: OrderHash) -> VenueAnswer:
        """No answer."""
        return SILENCE

    def trades(self, order_hash: OrderHash, condition: ConditionId) -> None:
        """No answer."""

    def heartbeat(self) -> VenueAnswer:
        """No answer."""
        return SILENCE

    def time(self) -> None:
        """No answer."""

    def refresh_funds(self, token: TokenId | None = None) -> None:
        """Nobody is asked."""
