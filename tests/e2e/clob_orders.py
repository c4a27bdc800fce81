"""Orders through the official client, and what becomes of them."""

import time

from py_clob_client_v2.clob_types import OrderArgsV2, TradeParams

PATIENCE_S = 120  # for what must come: long, since a busy machine is no fault


def order(trader, token, side, price, size, **more):
    """Place a limit order with the official client."""
    how = {name: more.pop(name) for name in ("order_type", "post_only") if name in more}
    args = OrderArgsV2(token_id=token, price=price, size=size, side=side, **more)
    return trader.client.create_and_post_order(args, **how)


def has(venue, account, token):
    """Return an account's outcome tokens, micro-tokens."""
    return venue.ctf.balanceOf(account, int(token))


def settled(client, trade_id):
    """Wait for a trade's end; return it."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        (trade,) = client.get_trades(TradeParams(id=trade_id))
        if trade["status"] in ("CONFIRMED", "FAILED"):
            return trade
        time.sleep(0.05)
    raise AssertionError(f"trade {trade_id} has not ended")
