"""Writes a life down as JSON: what was done, in the words of the rules, and what the vault showed.

A life is one object: `rules`, `classes`, `cash` (who -> assets), `start` (seconds), `tolerance` and
`acts`. An act has `do`, its arguments, `at` (seconds since the start), `refused` where the vault
refused it, and `shows`: figures after it. Amounts are in base units, marks in WAD. Whoever knows
the rules can replay it; tests/property/model.py does.
"""

from typing import Any

from tests.property.evm import Logs
from tests.property.world import DEPOSIT, SAFE, World

Json = dict[str, Any]
QUEUES = ("deposit", "redeem")
# Limits by the names of the rules.
RULES = {
    "total_cap": "total_cap_assets",
    "velocity": "velocity_assets",
    "total_cap_bps": "total_cap",
    "velocity_bps": "velocity",
    "question_cap_bps": "question_cap",
    "max_drawdown_bps": "max_drawdown",
    "max_up_bps": "max_up",
    "max_down_bps": "max_down",
    "max_premium_bps": "max_premium",
    "max_inflow_bps": "max_inflow",
    "inflow_floor": "inflow_floor",
    "min_report_interval": "min_report_interval",
    "max_report_age": "max_report_age",
    "liveness_period": "liveness",
    "exit_fee_bps": "exit_fee",
}
assert set(RULES) <= set(SAFE)
# Why an act may be refused by the rules; what a contract refuses for other reasons (who calls, a
# deadline, the rolling day's periods) is left out: it changed nothing.
REASONS = {
    "request": {"paused", "winding down", "InsufficientBalance"},
    "cancel": {"nothing to take back"},
    "report": {
        *("not the reporter", "report too soon", "marks out of order"),
        "exclusive bids above 1",
    },
    "settle": {"not flat"},
    "redeem_in_kind": {"nothing to redeem", "erc20: burn amount exceeds balance"},
    "allocate": {
        *("market closed", "paused", "winding down", "stale NAV", "drawdown", "market cap"),
        *("market cap bps", "question cap", "class cap bps", "total cap", "total cap bps"),
        *("idle too low", "nothing to allocate"),
    },
    "recall": {"market closed", "nothing there"},
    "harvest": {"market closed", "no profit there"},
    "close": {"market closed", "not to be closed"},
    "sweep": {"not a closed account"},
    "wind_down": {"ownable: caller is not the owner"},
    "transfer": {"erc20: transfer amount exceeds balance"},
}


class Scribe:
    """Writes the life of a world."""

    def __init__(self, world: World, cash: dict[str, int]) -> None:
        self._world = world
        self._logs = Logs(world.vault.address, world.vault.abis)
        self._start = world.now
        management, performance, hurdle = world.fees
        assert hurdle == 0, "the rules leave the hurdle out"
        self.life: Json = {
            "rules": {
                **{name: world.limits[limit] for limit, name in RULES.items()},
                "management": management,
                "performance": performance,
            },
            "classes": {
                str(number): {
                    "market_cap": kind.market_cap,
                    "market_bps": kind.market_cap_bps,
                    "cap_bps": kind.class_cap_bps,
                }
                for number, kind in enumerate(world.kinds)
            },
            "cash": cash,
            "start": self._start,
            "acts": [],
        }

    def write(self, do: str, refused: str = "", **arguments: Any) -> None:
        """Write an act down, and what the vault shows after it."""
        if refused and refused not in REASONS.get(do, ()):
            return
        act: Json = {"at": self._world.now - self._start, "do": do, **arguments}
        if refused:
            act["refused"] = True
        act["shows"] = self.shows()
        if do in ("report", "settle") and not refused:
            act["shows"]["settled"] = self.settled()
        self.life["acts"].append(act)

    def finish(self) -> Json:
        """Return the life, with the tolerance that its roundings need.

        Base units add up over the acts. The high-water mark is a whole share's price in base units
        (DESIGN 2.4): with a performance fee, a step of it is a fee, so that much may differ.
        """
        acts, rate = len(self.life["acts"]), self._world.fees[1]
        most = {
            name: max((act["shows"][name] for act in self.life["acts"]), default=0)
            for name in ("nav_ask", "supply")
        }
        steps = 4 + acts // 10
        self.life["tolerance"] = {
            "assets": 50 + acts + steps * most["nav_ask"] * rate // 10**10,
            "shares": 10**14 + steps * most["supply"] * rate // 10**10,
            "hwm": 5 + acts // 20,
        }
        return self.life

    def shows(self) -> Json:
        """Losses are kept per share: fee shares raise them, too, by the fee's part of the vault;
        so they are shown where there are no fees."""
        vault = self._world.vault
        nav_bid, nav_ask = vault.navs()
        return {
            "idle": vault.total_idle(),
            "nav_bid": nav_bid,
            "nav_ask": nav_ask,
            "supply": vault.totalSupply(),
            **({} if any(self._world.fees) else {"losses": vault.totalLosses()}),
            "hwm": vault.highWaterMark(),
        }

    def settled(self) -> list[Json]:
        """Return what the last transaction settled and handed back."""
        found = []
        for name, values in self._logs.read(self._world.evm.transactions[-1][1]):
            if name in ("EpochSettled", "EpochHandedBack"):
                found.append(
                    {
                        "queue": QUEUES[values["side"] != DEPOSIT],
                        "epoch": values["epoch"],
                        "took": values.get("taken", 0),
                        "gave": values.get("given", 0),
                        "back": name == "EpochHandedBack",
                    }
                )
        return found
