"""The service's refusals: status code and message as the venue's clients meet them."""

from strongroom.chain.ids import Json, JsonObject
from strongroom.errors import Refused


class Refusal(Refused):
    """An answer other than 200."""

    def __init__(self, status: int, message: str, **more: Json) -> None:
        super().__init__(message)
        self.status = status
        self.body: JsonObject = {"error": message, **more}
        self.headers: dict[str, str] = {}


def bad(message: str) -> Refusal:
    """Return a 400."""
    return Refusal(400, message)


UNAUTHORIZED = "Unauthorized/Invalid api key"
BAD_L1 = "Invalid L1 Request headers"
BAD_PAYLOAD = "Invalid order payload"
NO_BOOK = "No orderbook exists for the requested token id"
BAD_TOKEN = "Invalid token id"
BAD_SIDE = "Invalid side"
NO_FUNDS = "not enough balance / allowance"
BAD_SIGNATURE = "invalid signature"
FOREIGN_OWNER = "the order owner has to be the owner of the API KEY"
FOREIGN_SIGNER = "the order signer address has to be the address of the API KEY"
FOREIGN_MAKER = "maker address not allowed, please use the deposit wallet flow"
BAD_TICK = "order is invalid. Price ({price}) breaks minimum tick size rule: {tick}"
TOO_SMALL = "order is invalid. Size ({size}) lower than the minimum: {minimum}"
DUPLICATED = "order is invalid. Duplicated."
BAD_EXPIRATION = "invalid expiration"
BAD_TIMESTAMP = "order is invalid. Timestamp too far from the server's time"
BAD_AMOUNTS = (
    "invalid amounts, the {side} orders maker amount supports a max accuracy of {making} decimals, "
    "taker amount a max of {taking} decimals"
)
CROSSING = "invalid post-only order: order crosses book"
FOK_KILLED = "order couldn't be fully filled. FOK orders are fully filled or killed."
FAK_KILLED = (
    "no orders found to match with FAK order. "
    "FAK orders are partially filled or killed if no match is found."
)
NOT_READY = "the market is not yet ready to process new orders"
VERSION_MISMATCH = "order_version_mismatch"
GONE = "order can't be found - already canceled or matched"
DISABLED = "Trading is currently disabled. Check polymarket.com for updates"
CANCEL_ONLY = (
    "Trading is currently cancel-only. New orders are not accepted, but cancels are allowed."
)
POST_ONLY = "post-only mode: only post-only orders and cancels are allowed"
TOO_MANY = "Too Many Requests"
BAD_HEARTBEAT = "Invalid Heartbeat ID"
RESTARTING = "matching engine is restarting"
