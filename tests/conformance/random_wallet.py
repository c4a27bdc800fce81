"""A deposit wallet in plain Python, from its rules (VENUE a2 to a6): who may sign what, batches,
session signers, handovers, the pause; and random actions for it.

Actions and calls are in the words of deposit_wallet_matrix.json. The file's contracts that own
wallets both say yes to the key "ck"; what they call by themselves is left out.
"""

import random
from dataclasses import dataclass, field
from typing import Any

from tests.conformance.chain import OK

Action = dict[str, Any]
LIFE = 1_000  # seconds that sessions and handovers are given, from now on
YES, NO = "0x1626ba7e", "0xffffffff"
CONTRACTS = ("cown", "pcon")
NESTED = ("typed_data_sign", "personal_sign")
WRONG = ("wrong_wallet", "wrong_chain", "no_trailer", "bad_length")
GOOD_MANGLES = (None, "highs", "compact64")
AUTHORIZE, REVOKE = "self.authorizeSessionSigner(ses,now+1000)", "self.revokeSessionSigner(ses)"
OFFER, CANCEL = "self.transferOwnership(pend,now+1000)", "self.cancelOwnershipHandover()"
PAY, TOO_MUCH = "usdc.transfer(thief,1)", "usdc.transfer(thief,huge)"
CALLS = (AUTHORIZE, REVOKE, OFFER, CANCEL, PAY, TOO_MUCH, "usdc.approve(exchange,max)")
FAILED, SELF_CALL = "BatchCallFailed", "SessionSignerSelfCallNotAllowed"


@dataclass
class Wallet:
    """One wallet.

    Attributes:
        now: the chain's time, timestamp; likewise all that ends or begins
        session: until when the key "ses" may sign; 0: it never could, or no more
        paused: since when; 0: it is not
    """

    owner: str
    now: int
    delay: int
    nonce: int = 0
    pending: str = ""
    pending_until: int = 0
    pending_nonce: int = 0
    session: int = 0
    paused: int = 0
    returned: str | None = field(default=None)  # by the last question about an order

    def act(self, action: Action) -> str:
        """Return "ok" or the error of an action."""
        self.returned = None
        match action["do"]:
            case "batch":
                return self._batch(action)
            case "complete":
                return self._complete(action)
            case "isValidSignature":
                admitted = self._signs(action["sig"], orders=True)
                self.returned = YES if admitted else NO
                return OK
        return self._direct(action["caller"], action["fn"])

    # who may sign

    def _signs(self, sig: Action, orders: bool) -> bool:
        """Say whether a signature counts: of an order in the nested forms only."""
        form = sig["form"].removeprefix("session_")
        by_session = form != sig["form"]
        if form not in (*NESTED, *(() if orders else ("direct",))):
            return False
        signer = sig["signer"]
        if by_session:
            named = sig.get("session", signer)
            if named != "ses" or self.now >= self.session or sig.get("break"):
                return False
            who = named
        else:
            who = self.owner
        if who in CONTRACTS:
            return signer in CONTRACTS and not sig.get("mangle")
        return signer == who and sig.get("mangle") in GOOD_MANGLES

    # batches

    def _batch(self, action: Action) -> str:
        if action.get("caller", "op") != "op":
            return "OnlyOperator"
        if not action["calls"]:
            return "EmptyBatch"
        if action.get("nonce_offset", 0):
            return "InvalidNonce"
        if action.get("deadline_offset", LIFE) < 0:
            return "Expired"
        if not self._signs(action["sig"], orders=False):
            return "InvalidSignature"
        kept = self.pending, self.pending_until, self.pending_nonce, self.session, self.nonce
        self.nonce += 1
        by_session = action["sig"]["form"].startswith("session_")
        for call in action["calls"]:
            if by_session and call.startswith("self."):
                error = SELF_CALL
            else:
                error = OK if self._call(call) else FAILED
            if error != OK:
                self.pending, self.pending_until, self.pending_nonce, *others = kept
                self.session, self.nonce = others
                return error
        return OK

    def _call(self, call: str) -> bool:
        """Make a call of a batch; return whether it succeeds."""
        if call == AUTHORIZE:
            self.session = self.now + LIFE
        elif call == REVOKE:
            self.session = 0
        elif call == OFFER:
            if self.owner == "pend":
                return False
            self.pending, self.pending_until = "pend", self.now + LIFE
            self.pending_nonce += 1
        elif call == CANCEL:
            if not self.pending:
                return False
            self.pending, self.pending_until = "", 0
        return call != TOO_MUCH

    def _complete(self, action: Action) -> str:
        if not self.pending:
            return "NoPendingOwner"
        if self.now > self.pending_until:
            return "Expired"
        if action["signer"] != self.pending or action.get("nonce", self.pending_nonce) != (
            self.pending_nonce
        ):
            return "InvalidSignature"
        self.owner, self.pending, self.pending_until = self.pending, "", 0
        return OK

    # the owner's own calls

    def _direct(self, caller: str, function: str) -> str:
        if function in ("authorizeSessionSigner", "cancelOwnershipHandover"):
            return "OnlySelf"
        if function != "pause":
            if not self.paused:
                return "NotPaused"
            if self.now <= self.paused + self.delay:
                return "TimelockInsufficientDelay"
        if caller != self.owner:
            return "Unauthorized"
        if function == "pause":
            self.paused = self.now
        elif function == "unpause":
            self.paused = 0
        return OK


def some_action(chance: random.Random, wallet: Wallet) -> Action:
    """Return anything that somebody may try."""
    match chance.choice(("batch", "batch", "batch", "ask", "ask", "direct", "complete")):
        case "batch":
            calls = [chance.choice(CALLS) for _ in range(chance.choice((1, 1, 1, 2, 3)))]
            action: Action = {"do": "batch", "calls": calls, "sig": _some_sig(chance, wallet)}
            luck = chance.random()
            if luck < 0.04:
                action["calls"] = []
            elif luck < 0.08:
                action["nonce_offset"] = 1
            elif luck < 0.14:
                action["deadline_offset"] = chance.choice((-1, 0))
            elif luck < 0.17:
                action["caller"] = "thief"
            return action
        case "ask":
            return {
                "do": "isValidSignature",
                "caller": "anyone",
                "sig": _some_sig(chance, wallet),
            }
        case "complete":
            signer = chance.choice(("pend", "pend", "pend", "own", "thief"))
            action = {"do": "complete", "signer": signer}
            return action | ({"nonce": 0} if chance.random() < 0.1 else {})
    functions = {
        "pause": [],
        "unpause": [],
        "withdrawERC20": ["usdc", "thief", 1],
        "revokeAllowance": ["usdc", "exchange"],
        "authorizeSessionSigner": ["ses", "now+1000"],
        "cancelOwnershipHandover": [],
    }
    name = chance.choice((*functions, "pause", "unpause"))
    caller = chance.choice(("own", "pend", "own", "pend", "thief"))
    return {"do": "direct", "caller": caller, "fn": name, "args": functions[name]}


def _some_sig(chance: random.Random, wallet: Wallet) -> Action:
    """Return how it is signed: mostly by who may."""
    form = chance.choice(("direct", "direct", "typed_data_sign", "typed_data_sign"))
    form = chance.choice((form, form, form, "personal_sign"))
    by_session = chance.random() < 0.35
    signer = "ses" if by_session else wallet.owner
    if chance.random() < 0.15:
        signer = chance.choice(("own", "pend", "ses", "thief", "cown"))
    sig: Action = {"form": form, "signer": signer}
    if form == "typed_data_sign" and chance.random() < 0.15:
        sig["form"] = f"{form}_{chance.choice(WRONG)}"
    if signer not in CONTRACTS and chance.random() < 0.12:
        sig["mangle"] = chance.choice(("highs", "compact64", "v01", "long66"))
    if by_session:
        sig["form"] = f"session_{sig['form']}"
        if chance.random() < 0.8:
            sig["session"] = "ses"
        if chance.random() < 0.1:
            sig["break"] = chance.choice(("offset", "no_magic", "truncated"))
    return sig
