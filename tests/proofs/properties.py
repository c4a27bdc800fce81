"""What is proven of the bytecode: properties, their checks, and the mutants that must be found."""

from dataclasses import dataclass
from pathlib import Path

ACCOUNTS = "contracts/accounts"
MODULES = "contracts/modules"
# Contracts of the product by name; the other things that a check needs are in mocks/.
PIECES = {
    "Vault": "contracts/Vault.vy",
    "VaultDesk": "contracts/VaultDesk.vy",
    "VaultExits": "contracts/VaultExits.vy",
    "VaultGovernance": "contracts/VaultGovernance.vy",
    "PolymarketAccount": f"{ACCOUNTS}/PolymarketAccount.vy",
    "FpmmAccount": f"{ACCOUNTS}/FpmmAccount.vy",
    "DelegatedAccount": f"{ACCOUNTS}/DelegatedAccount.vy",
    "WalletRegistry": f"{ACCOUNTS}/WalletRegistry.vy",
}
# Sources whose functions formulas.py reads.
DESK = "contracts/VaultDesk.vy"
EXITS = "contracts/VaultExits.vy"
GOVERNED = "contracts/VaultGovernance.vy"
FORMULAS = (
    *(f"{MODULES}/{name}.vy" for name in ("fees", "nav", "requests", "exposure", "losses")),
    *(f"{MODULES}/{name}.vy" for name in ("core", "units")),
    *(DESK, EXITS, GOVERNED, "contracts/Vault.vy"),
)


@dataclass(frozen=True)
class Mutant:
    """A source with one place changed."""

    path: str
    old: str
    new: str
    by: str = ""  # the check function that must find it; empty: the proof's first

    def text(self, root: Path) -> str:
        """Return the changed source; the place must exist, and once."""
        source = (root / self.path).read_text()
        if source.count(self.old) != 1:
            raise ValueError(f"{self.path}: {source.count(self.old)} times {self.old!r}")
        return source.replace(self.old, self.new)

    def __str__(self) -> str:
        return (
            f"{Path(self.path).stem}: {' '.join(self.old.split())} -> {' '.join(self.new.split())}"
        )


@dataclass(frozen=True)
class Proof:
    """A property and the check functions that together show it."""

    name: str
    contract: str  # in checks/
    functions: tuple[str, ...]
    needs: tuple[str, ...]  # what the check deploys: product contracts and mocks
    mutants: tuple[Mutant, ...] = ()
    loop: int = 4  # how often a loop is unrolled at most; a proof that meets the bound fails
    options: tuple[str, ...] = ()


POLYMARKET = f"{ACCOUNTS}/PolymarketAccount.vy"
ORDERS = f"{MODULES}/orders.vy"
ACCOUNT = f"{MODULES}/account.vy"
VENUE = ("MockToken", "MockTokens", "MockSafe", "MockVault", "MockCode")

OTHERS = ("MockAdapter", "MockPool", "MockRegistry")
GOVERNANCE = ("VaultGovernance", "VaultExits", "Probe", "MockToken")
WHOLE = ("Vault", "VaultDesk", "VaultExits", "VaultGovernance", "Probe", "MockToken")
ONE_ELEMENT = ("--default-array-lengths", "1")  # of a list in call data: a bound to state

PROOFS = (
    Proof(
        "SignatureAdmitsOnlyBounded",
        "SignatureChecks",
        ("check_binary", "check_event"),
        ("PolymarketAccount", *VENUE),
        loop=8,
        mutants=(
            Mutant(ORDERS, "order.maker != maker or ", ""),
            Mutant(ORDERS, " or order.side > SELL", ""),
            Mutant(ORDERS, "order.makerAmount == 0 or ", ""),
            Mutant(ORDERS, "block.timestamp > expiry or ", ""),
            Mutant(ORDERS, "< order.makerAmount * terms.lowest_sell", "< order.makerAmount"),
            Mutant(POLYMARKET, "order_hash(order) != hash", "order_hash(order) == empty(bytes32)"),
            Mutant(ORDERS, "if index == account.FOREIGN or epoch", "if epoch"),
            Mutant(ACCOUNT, "return word >> 1 if word & 1 == 0 else HALTED", "return word >> 1"),
            Mutant(ORDERS, "hash, expiry, epoch))", "hash, expiry, empty(uint256)))"),
            Mutant(
                ORDERS,
                "account._condition(index // 2) if",
                "account._condition(0) if",
                by="check_event",
            ),
        ),
    ),
    Proof(
        "HaltIsFinal",
        "AccountChecks",
        (
            *("check_polymarket_halt", "check_fpmm_halt", "check_delegated_halt"),
            *("check_polymarket_halted", "check_fpmm_halted", "check_delegated_halted"),
        ),
        ("PolymarketAccount", "FpmmAccount", "DelegatedAccount", *VENUE, *OTHERS),
        options=ONE_ELEMENT,
        mutants=(
            Mutant(ORDERS, "    self._approve_exchange(False)\n", ""),
            Mutant(ACCOUNT, "self.state += 2", "self.state += 1", by="check_polymarket_halted"),
            Mutant(ACCOUNT, '    assert self._may_make_safer(), "not allowed to halt"\n', ""),
        ),
    ),
    Proof(
        "AccountNoOutflow",
        "AccountChecks",
        (
            *("check_polymarket_outflow", "check_delegated_outflow"),
            *("check_fpmm_outflow_yes", "check_fpmm_outflow_no"),
        ),
        ("PolymarketAccount", "FpmmAccount", "DelegatedAccount", *VENUE, *OTHERS),
        options=ONE_ELEMENT,
        mutants=(
            Mutant(ACCOUNT, '    assert msg.sender == vault, "not the vault"\n', ""),
            Mutant(ACCOUNT, "    self._check_keeper()\n    vault", "    vault"),
            Mutant(
                f"{ACCOUNTS}/FpmmAccount.vy",
                "    extcall IConditionalTokens(account.CTF).setApprovalForAll(pool, False)\n",
                "",
                by="check_fpmm_outflow_yes",
            ),
        ),
    ),
    Proof(
        "StrangerChangesNothing: governance",
        "GovernanceChecks",
        ("check_stranger", "check_stranger_announces", "check_stranger_limits"),
        GOVERNANCE,
        loop=20,
        options=ONE_ELEMENT,
        mutants=(
            Mutant(
                GOVERNED,
                "    ownable._check_owner()\n    ledger._set_allow_list",
                "    ledger._set_allow_list",
            ),
        ),
    ),
    Proof(
        "RoleMatrix: guardian",
        "GovernanceChecks",
        ("check_guardian", "check_guardian_revokes"),
        GOVERNANCE,
        loop=20,
        options=ONE_ELEMENT,
        mutants=(
            Mutant(
                GOVERNED,
                "    if classes._is_cap_raised(class_id, new):",
                "    if not classes._is_cap_raised(class_id, new):",
            ),
            Mutant(
                f"{MODULES}/roles.vy",
                '        assert not status._has(status.word, status.BY_OWNER), "paused by owner"\n',
                "        pass\n",
            ),
        ),
    ),
    Proof(
        "RiskNeedsTimelock: limits",
        "GovernanceChecks",
        ("check_limit",),
        GOVERNANCE,
        loop=20,
        options=ONE_ELEMENT,
        mutants=(
            Mutant(
                f"{MODULES}/limits.vy",
                "[MIN_REPORT_INTERVAL, MARKS_REQUIRED]:",
                "[MARKS_REQUIRED]:",
            ),
        ),
    ),
    Proof(
        "RiskNeedsTimelock",
        "GovernanceChecks",
        (
            *("check_risk_roles", "check_risk_classes", "check_risk_delays", "check_risk_others"),
            *("check_accept_roles", "check_accept_others"),
        ),
        GOVERNANCE,
        loop=20,
        options=ONE_ELEMENT,
        mutants=(
            Mutant(
                f"{MODULES}/timelock.vy",
                '    assert block.timestamp >= submitted + delay, "timelocked"\n',
                "",
            ),
            Mutant(
                f"{MODULES}/timelock.vy",
                "self.submittableFrom[call_hash] = block.timestamp + delay",
                "self.submittableFrom[call_hash] = block.timestamp",
            ),
            Mutant(
                GOVERNED,
                "    if account == empty(address):\n        roles._check_guardian_or_owner()\n"
                "    else:\n        ownable._check_owner()\n        timelock._consume(\n"
                "            timelock.SET_REPORTER",
                "    if account != empty(address):\n        roles._check_guardian_or_owner()\n"
                "    else:\n        ownable._check_owner()\n        timelock._consume(\n"
                "            timelock.SET_REPORTER",
            ),
        ),
    ),
    Proof(
        "TimelockSequence",
        "GovernanceChecks",
        ("check_submission", "check_submission_stands"),
        GOVERNANCE,
        loop=20,
        options=ONE_ELEMENT,
        mutants=(
            Mutant(
                f"{MODULES}/timelock.vy",
                "block.timestamp >= self.submittableFrom[call_hash]",
                "block.timestamp >= submitted",
            ),
        ),
    ),
    Proof(
        "WindDownIrreversible: governance",
        "GovernanceChecks",
        ("check_winding_down", "check_report_keeps_flags", "check_set_up_once"),
        GOVERNANCE,
        loop=20,
        options=ONE_ELEMENT,
    ),
    Proof(
        "WindDown: by whom",
        "VaultChecks",
        ("check_wind_down",),
        WHOLE,
        loop=40,
        mutants=(
            Mutant(
                "contracts/VaultExits.vy",
                "erc20.totalSupply == 0 or silent <=",
                "silent <=",
            ),
        ),
    ),
    Proof(
        "SilentAccountCountsNothing",
        "VaultChecks",
        ("check_silent_account",),
        WHOLE,
        loop=40,
        mutants=(
            Mutant(
                f"{MODULES}/nav.vy",
                "return 0, max(exposure, self._ask(book))",
                "return 0, min(exposure, self._ask(book))",
            ),
        ),
    ),
    Proof(
        "StrangerChangesNothing: desk, exits",
        "VaultChecks",
        ("check_report_stranger", "check_request", "check_recall"),
        WHOLE,
        loop=40,
        mutants=(
            Mutant(DESK, "assert msg.sender == roles.reporter,", "assert self != roles.reporter,"),
            Mutant(
                "contracts/Vault.vy",
                "    requests._check_authorised(owner)\n    status",
                "    status",
                by="check_request",
            ),
            Mutant(
                EXITS,
                "classes._keeper(markets._class(word)), roles.guardian, ownable.owner",
                "msg.sender, roles.guardian, ownable.owner",
                by="check_recall",
            ),
        ),
    ),
    Proof(
        "RoleMatrix: a keeper only its class",
        "VaultChecks",
        ("check_open", "check_allocate"),
        WHOLE,
        loop=40,
        mutants=(
            Mutant(DESK, '    assert msg.sender == keeper, "not the keeper"\n', ""),
            Mutant(
                DESK,
                "self._check_keeper(markets._class(word))",
                "self._check_keeper(0)",
                by="check_allocate",
            ),
        ),
    ),
    Proof(
        "NoReentry",
        "LockChecks",
        ("check_vault", "check_desk", "check_exits", "check_governance", "check_accept"),
        WHOLE,
        loop=20,
        options=ONE_ELEMENT,
        mutants=(
            Mutant(f"{MODULES}/requests.vy", "@nonreentrant\ndef setOperator", "def setOperator"),
            Mutant(DESK, "@nonreentrant\ndef settle", "def settle", by="check_desk"),
            Mutant(EXITS, "@nonreentrant\ndef recall", "def recall", by="check_exits"),
            Mutant(
                f"{MODULES}/timelock.vy",
                "@nonreentrant\ndef abdicate",
                "def abdicate",
                by="check_governance",
            ),
            Mutant(
                GOVERNED, "@nonreentrant\ndef setGuardian", "def setGuardian", by="check_accept"
            ),
        ),
    ),
    Proof(
        "PauseStopsOrders",
        "VaultChecks",
        ("check_order_terms",),
        WHOLE,
        loop=40,
        mutants=(
            Mutant(f"{MODULES}/status.vy", "word & STOPPED == 0,", "word & WINDING_DOWN == 0,"),
            Mutant(
                "contracts/Vault.vy",
                "classes._keeper(class_id) if admitted",
                "classes._keeper(0) if admitted",
            ),
            Mutant(DESK, "    status._check_running(status.word)\n", "", by="check_open"),
            Mutant(
                "contracts/Vault.vy",
                "    status._check_running(status.word)\n",
                "",
                by="check_request",
            ),
        ),
    ),
)

# Of the formulas: each is found by a claim of the name that it ends with.
WRONG_FORMULAS = (
    Mutant(
        f"{MODULES}/fees.vy", "(price - mark) * supply //", "price * supply //", by="PerformanceFee"
    ),
    Mutant(
        f"{MODULES}/fees.vy",
        "supply * mark + assets * units.SHARE + whole - 1",
        "supply * mark + assets * units.SHARE",
        by="EntryCarriesOwnMark",
    ),
    Mutant(DESK, "max(bid, self._net(", "max(0, self._net(", by="AskAtLeastBid"),
    Mutant(DESK, "max(ask, nav.ask_price)", "ask", by="WorseOfTwo"),
    Mutant(DESK, "min(bid, nav.bid_price)", "bid", by="WorseOfTwo"),
    Mutant(DESK, "min(day, room + day * elapsed // units.DAY)", "room + day", by="InflowRoom"),
    Mutant(DESK, "left_room -= min(left_room, taken)", "pass", by="InflowRoom"),
    Mutant(
        DESK, "price * units.BPS > requests.anchors", "price > requests.anchors", by="HandedBack"
    ),
    Mutant(
        DESK,
        "price * units.BPS < requests.anchors[requests.REDEEM][place] * least",
        "price * units.BPS > requests.anchors[requests.REDEEM][place] * least",
        by="HandedBack",
    ),
    Mutant(
        DESK,
        "shares: uint256 = taken * units.PRICE // price",
        "shares: uint256 = taken * units.PRICE // price + 1",
        by="DealingKeepsPricePerShare",
    ),
    Mutant(DESK, "idle -= paid\n", "idle -= paid + 1\n", by="DealingKeepsPricePerShare"),
    Mutant(
        DESK,
        "paid: uint256 = taken * price // units.PRICE",
        "paid: uint256 = taken * price // units.PRICE + 1",
        by="NoRoundTripGain",
    ),
    Mutant(
        f"{MODULES}/requests.vy",
        "kept * (left - taken) // left",
        "kept * (left - taken) // left + 1",
        by="ClaimsNeverExceedSettled",
    ),
    Mutant(
        f"{MODULES}/requests.vy",
        "(kept * given // left) >> (KEPT - EARNED)",
        "((kept * given // left) >> (KEPT - EARNED)) + 1",
        by="ClaimsNeverExceedSettled",
    ),
    Mutant(
        f"{MODULES}/requests.vy",
        "(can_in * left + can_out - 1) // can_out",
        "can_in * left // can_out",
        by="ClaimsNeverExceedSettled",
    ),
    Mutant(
        f"{MODULES}/nav.vy",
        "return min(bid, exposure), ask",
        "return bid, ask",
        by="BidValueCapped",
    ),
    Mutant(
        f"{MODULES}/nav.vy",
        "return 0, max(exposure, self._ask(book))",
        "return 0, self._ask(book)",
        by="BidValueCapped",
    ),
    Mutant(
        DESK,
        "return total_bid, max(total_ask, exposures)",
        "return total_bid, total_ask",
        by="BidValueCapped",
    ),
    Mutant(
        f"{MODULES}/nav.vy",
        "((yes - no) * high + units.WAD - 1) // units.WAD",
        "(yes - no) * high // units.WAD",
        by="MarksEncloseValue",
    ),
    Mutant(f"{MODULES}/nav.vy", "more += no - yes - part", "more += 0", by="MarksEncloseValue"),
    Mutant(f"{MODULES}/nav.vy", " - (self._bid(old) << 128)", "", by="BooksAddUp"),
    Mutant(
        f"{MODULES}/exposure.vy",
        "of_class + losses._of_class(class_id)",
        "of_class",
        by="CapsHold",
    ),
    Mutant(
        f"{MODULES}/exposure.vy",
        "exposure + self._elsewhere(class_id, market)",
        "exposure",
        by="CapsHold",
    ),
    Mutant(
        f"{MODULES}/exposure.vy",
        "bid - min(bid, cost),",
        "bid,",
        by="HomeCounts",
    ),
    Mutant(
        f"{MODULES}/exposure.vy",
        "min(nav._bid(book) - bid, exposure)",
        "nav._bid(book) - bid",
        by="BidAtMostExposure",
    ),
    Mutant(
        EXITS,
        "ledger.total_idle * part // supply",
        "ledger.total_idle * shares // supply",
        by="InKind",
    ),
    Mutant(
        f"{MODULES}/losses.vy",
        "assets * LOSS // nav._shares()",
        "(assets * LOSS + nav._shares() - 1) // nav._shares()",
        by="LossesOnlyFall",
    ),
    Mutant(
        f"{MODULES}/losses.vy",
        "(assets * LOSS + whole - 1) // whole",
        "assets * LOSS // whole",
        by="LossesOnlyFall",
    ),
    Mutant(
        EXITS,
        "    if came != 0:\n",
        "    if came == 0:\n        losses._pay_off(0, cost)\n    else:\n",
        by="LossesOnlyFall",
    ),
)
