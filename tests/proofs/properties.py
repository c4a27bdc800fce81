"""What is proven of the bytecode: properties, their checks, and the mutants that must be found."""

from pathlib import Path

from .account_properties import ACCOUNT_PROOFS, DELEGATED, FPMM, POLYMARKET, POSITION, WALLET
from .proof import MODULES, ONE_ELEMENT, Mutant, Proof, Subject, without

FRONT, DESK, EXITS, GOVERNED = (
    f"contracts/{name}.vy" for name in ("Vault", "VaultDesk", "VaultExits", "VaultGovernance")
)
SPLITTER = "contracts/PerformanceSplitter.vy"
FEES, NAV, REQUESTS, EXPOSURE, LOSSES = (
    f"{MODULES}/{name}.vy" for name in ("fees", "nav", "requests", "exposure", "losses")
)
LIMITS, TIMELOCK, ROLES, STATUS = (
    f"{MODULES}/{name}.vy" for name in ("limits", "timelock", "roles", "status")
)
# Contracts of the product by name; the other things that a check needs are in mocks/.
PIECES = {
    Path(path).stem: path
    for path in (
        *(FRONT, DESK, EXITS, GOVERNED, SPLITTER),
        *(POLYMARKET, FPMM, DELEGATED, WALLET, POSITION),
    )
}
# Sources whose functions formulas.py reads.
FORMULAS = (
    *(FEES, NAV, REQUESTS, EXPOSURE, LOSSES, f"{MODULES}/core.vy", f"{MODULES}/units.vy"),
    *(FRONT, DESK, EXITS, GOVERNED, SPLITTER),
)
PIECES_OF_VAULT = ("Vault", "VaultDesk", "VaultExits", "VaultGovernance", "Probe", "MockToken")
GOVERNANCE = Subject(
    "GovernanceChecks", ("VaultGovernance", "VaultExits", "Probe", "MockToken"), 20, ONE_ELEMENT
)
WHOLE = Subject("VaultChecks", PIECES_OF_VAULT, 40)
SPLIT = Subject("SplitterChecks", ("PerformanceSplitter", "MockFees"), 4, ONE_ELEMENT)
LOCK = Subject("LockChecks", (*PIECES_OF_VAULT, "MockHostile"), 20, ONE_ELEMENT)

PROOFS = (
    *ACCOUNT_PROOFS,
    Proof(
        "CreditsCoveredAndNobodys",
        SPLIT,
        ("check_credit", "check_split", "check_appoint"),
        mutants=(
            without(SPLITTER, "    self.total_credit -= shares\n"),
            Mutant(
                SPLITTER,
                "self.creditOf[msg.sender] = credit - shares",
                "self.creditOf[receiver] = credit - shares",
            ),
            Mutant(
                SPLITTER,
                "self.creditOf[manager] += rest",
                "self.creditOf[manager] = rest",
                by="check_split",
            ),
            Mutant(
                SPLITTER,
                "    self.total_credit += received\n",
                "    self.total_credit += received + 1\n",
                by="check_split",
            ),
        ),
    ),
    Proof(
        "StrangerChangesNothing: governance",
        GOVERNANCE,
        ("check_stranger", "check_stranger_announces", "check_stranger_limits"),
        mutants=(
            Mutant(
                GOVERNED,
                "    ownable._check_owner()\n    ledger._set_deposit_terms",
                "    ledger._set_deposit_terms",
            ),
        ),
    ),
    Proof(
        "RoleMatrix: guardian",
        GOVERNANCE,
        ("check_guardian", "check_guardian_revokes"),
        mutants=(
            Mutant(
                GOVERNED,
                "    if classes._is_cap_raised(class_id, new):",
                "    if not classes._is_cap_raised(class_id, new):",
            ),
            Mutant(
                ROLES,
                '        assert not status._has(status.word, status.BY_OWNER), "paused by owner"\n',
                "        pass\n",
            ),
        ),
    ),
    Proof(
        "RoleMatrix: owner moves nothing",
        GOVERNANCE,
        ("check_moves_nothing",),
        mutants=(
            Mutant(
                GOVERNED,
                "    nav.reference = nav.bid_price\n",
                "    nav.bid_price = nav.reference\n",
            ),
        ),
    ),
    Proof(
        "RiskNeedsTimelock: limits",
        GOVERNANCE,
        ("check_limit",),
        mutants=(
            Mutant(
                LIMITS,
                "[MIN_REPORT_INTERVAL, MARKS_REQUIRED]:",
                "[MARKS_REQUIRED]:",
            ),
        ),
    ),
    Proof(
        "RiskNeedsTimelock",
        GOVERNANCE,
        (
            *("check_risk_roles", "check_risk_classes", "check_risk_delays", "check_risk_others"),
            *("check_accept_roles", "check_accept_others"),
        ),
        mutants=(
            without(
                TIMELOCK,
                '    assert block.timestamp >= submitted + delay, "timelocked"\n',
            ),
            Mutant(GOVERNED, "    if covers_transfers:", "    if not covers_transfers:"),
            Mutant(
                TIMELOCK,
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
        GOVERNANCE,
        ("check_submission", "check_submission_stands"),
        mutants=(
            Mutant(
                TIMELOCK,
                "block.timestamp >= self.submittableFrom[call_hash]",
                "block.timestamp >= submitted",
            ),
        ),
    ),
    Proof(
        "WindDownIrreversible: governance",
        GOVERNANCE,
        ("check_winding_down", "check_report_keeps_flags", "check_set_up_once"),
    ),
    Proof(
        "WindDown: by whom",
        WHOLE,
        ("check_wind_down",),
        mutants=(
            Mutant(
                EXITS,
                "erc20.totalSupply == 0 or silent <=",
                "silent <=",
            ),
        ),
    ),
    Proof(
        "SilentAccountCountsNothing",
        WHOLE,
        ("check_silent_account",),
        mutants=(
            Mutant(
                NAV,
                "return 0, max(exposure, self._ask(book))",
                "return 0, min(exposure, self._ask(book))",
            ),
        ),
    ),
    Proof(
        "StrangerChangesNothing: desk, exits",
        WHOLE,
        ("check_report_stranger", "check_request", "check_recall"),
        mutants=(
            Mutant(DESK, "assert msg.sender == roles.reporter,", "assert self != roles.reporter,"),
            Mutant(
                FRONT,
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
        WHOLE,
        ("check_open", "check_allocate"),
        mutants=(
            without(DESK, '    assert msg.sender == keeper, "not the keeper"\n'),
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
        LOCK,
        (
            *("check_vault", "check_desk", "check_exits", "check_governance", "check_accept"),
            "check_called_for_recall",
        ),
        mutants=(
            Mutant(REQUESTS, "@nonreentrant\ndef setOperator", "def setOperator"),
            Mutant(DESK, "@nonreentrant\ndef allocate", "def allocate", by="check_desk"),
            Mutant(EXITS, "@nonreentrant\ndef recall", "def recall", by="check_exits"),
            Mutant(
                TIMELOCK,
                "@nonreentrant\ndef abdicate",
                "def abdicate",
                by="check_governance",
            ),
            Mutant(
                GOVERNED, "@nonreentrant\ndef setGuardian", "def setGuardian", by="check_accept"
            ),
            Mutant(EXITS, "@nonreentrant\ndef recall", "def recall", by="check_called_for_recall"),
        ),
    ),
    Proof(
        "PauseStopsOrders",
        WHOLE,
        ("check_order_terms",),
        mutants=(
            Mutant(STATUS, "word & STOPPED == 0,", "word & WINDING_DOWN == 0,"),
            Mutant(
                FRONT,
                "        keeper = classes._keeper(class_id)",
                "        keeper = classes._keeper(0)",
            ),
            Mutant(
                FRONT,
                "if admitted and markets._is_open(markets.words[market]):",
                "if admitted and markets.words[market] != 0:",
            ),
            without(DESK, "    status._check_running(status.word)\n", by="check_open"),
            without(
                FRONT,
                "    status._check_running(status.word)\n",
                by="check_request",
            ),
        ),
    ),
)

# Of the formulas: each is found by a claim of the name that it ends with.
WRONG_FORMULAS = (
    Mutant(
        SPLITTER,
        "fee = min(received, due) * claim.owed // owed",
        "fee = received * claim.owed // owed + 1",
        by="CreditedWithinReceived",
    ),
    Mutant(
        SPLITTER,
        "(profit * received + due - 1) // due",
        "(profit * received) // due",
        by="ClaimPaidOnce",
    ),
    Mutant(SPLITTER, "    self.total_credit += received\n", "", by="CreditedInAllIsWhatCame"),
    Mutant(SPLITTER, "credit - shares", "credit", by="TakenOnceByItsOwner"),
    Mutant(
        SPLITTER,
        "    self.creditOf[strategist.account] += shares\n",
        "    self.creditOf[msg.sender] += shares\n",
        by="CreditWrittenFor",
    ),
    Mutant(FEES, "(price - mark) * supply //", "price * supply //", by="PerformanceFee"),
    Mutant(
        FEES,
        "(supply * mark + assets * units.SHARE) // whole",
        "(supply * mark + assets * units.SHARE + whole - 1) // whole",
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
        "price * units.BPS < requests.anchors",
        "price * units.BPS <= requests.anchors",
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
        REQUESTS,
        "kept * (left - taken) // left",
        "kept * (left - taken) // left + 1",
        by="ClaimsNeverExceedSettled",
    ),
    Mutant(
        REQUESTS,
        "(kept * given // left) >> (KEPT - EARNED)",
        "((kept * given // left) >> (KEPT - EARNED)) + 1",
        by="ClaimsNeverExceedSettled",
    ),
    Mutant(
        REQUESTS,
        "(can_in * left + can_out - 1) // can_out",
        "can_in * left // can_out",
        by="ClaimsNeverExceedSettled",
    ),
    Mutant(
        NAV,
        "return min(bid, exposure), ask",
        "return bid, ask",
        by="BidValueCapped",
    ),
    Mutant(
        NAV,
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
        NAV,
        "((yes - no) * high + units.WAD - 1) // units.WAD",
        "(yes - no) * high // units.WAD",
        by="MarksEncloseValue",
    ),
    Mutant(NAV, "more += no - yes - part", "more += 0", by="MarksEncloseValue"),
    without(NAV, " - (self._bid(old) << 128)", by="BooksAddUp"),
    Mutant(
        EXPOSURE,
        "of_class + losses._of_class(class_id)",
        "of_class",
        by="CapsHold",
    ),
    Mutant(
        EXPOSURE,
        "exposure + self._elsewhere(class_id, market)",
        "exposure",
        by="CapsHold",
    ),
    Mutant(
        EXPOSURE,
        "bid - min(bid, cost),",
        "bid,",
        by="HomeCounts",
    ),
    Mutant(
        EXPOSURE,
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
        LOSSES,
        "assets * LOSS // nav._shares()",
        "(assets * LOSS + nav._shares() - 1) // nav._shares()",
        by="LossesOnlyFall",
    ),
    Mutant(
        LOSSES,
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
    without(EXITS, "        if market in skip:\n            continue\n", by="InKindNeverBlocked"),
    Mutant(
        EXITS,
        "        if market in skip:\n",
        "        extcall IMarketAccount(markets._account(markets.words[market])).halt()\n"
        "        if market in skip:\n",
        by="InKindNeverBlocked",
    ),
)
