"""Paper and dry-run: everything but signing and sending. Decisions are real, fills are thought.

A decision's orders are filled at once from the book that it saw, level by level, at most to the
limit, fee included; what the book does not offer is not filled. Resting quotes are never filled:
nobody can say where in the queue they would have stood. Positions and cash of paper live in the
paper journal's facts and replace the chain's in the view.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from strongroom.information.books import UNIT, Book
from strongroom.information.gamma import FeeSchedule
from strongroom.information.sources import Look
from strongroom.keeper.tick import Keeper
from strongroom.strategy.decide import decide
from strongroom.strategy.view import MarketState, VaultState

FACT = "paper"


@dataclass
class PaperKeeper(Keeper):
    """A keeper that sends nothing."""

    @classmethod
    def of(cls, keeper: Keeper) -> "PaperKeeper":
        """Return a keeper's paper twin, of the same parts."""
        return cls(**{name: getattr(keeper, name) for name in Keeper.__dataclass_fields__})

    def _go_round(self, now: int, halts: dict[str, str]) -> tuple[VaultState | None, int]:
        self._check_clocks(now, halts)
        self._check_stop(halts)
        state = self._read(halts)
        if state is None:
            return None, 0
        look = self._look(state, now)
        if halts or not look.books:
            return state, 0
        return state, self._decide(look, state)

    def _decide(self, look: Look, state: VaultState) -> int:
        book = self._paper()
        view = replace(self.view(look, state), vault=with_paper(state, book))
        found = decide(view, self.packs, self.rules, self.journal.salt())
        self.seen(view, found)
        for decision in found.decisions:
            self.journal.decide(decision.id, decision.record, task_at=view.now)
            fills = fills_of(decision.record, look)
            for fill in fills:
                _apply(book, fill)
            words = [f"{f['side']} {f['size'] / UNIT:g} for {f['cash'] / UNIT:.6f}" for f in fills]
            self.journal.keep(FACT, json.dumps(book, sort_keys=True))
            self.journal.close_task(decision.id, "paper: " + ("; ".join(words) or "not filled"))
            self.told(
                "paper",
                {
                    "decision": "0x" + decision.id.hex(),
                    "question": decision.record["question"],
                    "fills": words,
                },
            )
        for each in found.passed:
            self.told("passed", {"pack": each.pack, "question": each.question, "why": each.why})
        return len(found.decisions)

    def _paper(self) -> dict[str, Any]:
        text = self.journal.fact(FACT)
        return json.loads(text) if text else {"cash": 0, "held": {}, "cost": {}}


def with_paper(state: VaultState, book: Mapping[str, Any]) -> VaultState:
    """Return the vault's state with paper positions in place of cash."""
    markets = dict(state.markets)
    for market, conditions in book["held"].items():
        cost = int(book["cost"].get(market, 0))
        known = markets.get(market) or MarketState("0x" + "00" * 20, 0, 0, 0, 0, {})
        positions = dict(known.positions)
        for condition, (yes, no) in conditions.items():
            before = positions.get(condition, (0, 0))
            positions[condition] = (before[0] + yes, before[1] + no)
        markets[market] = replace(
            known, exposure=known.exposure + max(0, cost), positions=positions
        )
    staked = sum(max(0, int(cost)) for cost in book["cost"].values())
    return replace(
        state,
        idle=max(0, state.idle + int(book["cash"])),
        total_exposure=state.total_exposure + staked,
        markets=markets,
    )


def fills_of(record: Mapping[str, Any], look: Look) -> list[dict[str, Any]]:
    """Return what a decision's orders would have been filled with, pessimistically."""
    if record["resting"]:
        return []
    found = []
    for leg in record["legs"]:
        market = look.markets[leg["condition"]]
        book = look.books.get(leg["token"])
        size, cash = sweep(book, leg, market.fees) if book is not None else (0, 0)
        if size:
            found.append(
                {
                    "vault_market": leg["vault_market"],
                    "condition": leg["condition"],
                    "yes": leg["token"] == str(market.token_ids[0]),
                    "side": leg["side"],
                    "size": size,
                    "cash": cash,
                }
            )
    return found


def sweep(book: Book, leg: Mapping[str, Any], fees: FeeSchedule) -> tuple[int, int]:
    """Return tokens and cash (paid with fees, or received after them) of a marketable order."""
    limit, left, cash = round(float(leg["price"]) * UNIT), int(leg["size"]), 0
    buys = leg["side"] == "BUY"
    for level in book.asks if buys else book.bids:
        if left == 0 or (level.price > limit if buys else level.price < limit):
            break
        take = min(left, level.size)
        fee = fees.most(take, level.price)
        if buys:
            cash += -(-take * level.price // UNIT) + fee
        else:
            cash += take * level.price // UNIT - fee
        left -= take
    return int(leg["size"]) - left, cash


def _apply(book: dict[str, Any], fill: Mapping[str, Any]) -> None:
    sign = 1 if fill["side"] == "BUY" else -1
    book["cash"] -= sign * fill["cash"]
    cost = book["cost"].setdefault(fill["vault_market"], 0)
    book["cost"][fill["vault_market"]] = cost + sign * fill["cash"]
    held = book["held"].setdefault(fill["vault_market"], {}).setdefault(fill["condition"], [0, 0])
    held[0 if fill["yes"] else 1] += sign * fill["size"]
