"""The steps of a probe: what each asks, does, costs and changes; each begins with what is known to
work, so that a refusal has one reason.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from strongroom.chain.contracts import Key
from strongroom.chain.wallet_addresses import POLYGON
from strongroom.probe.place import ProbePlace, Settled, wallet_of
from strongroom.probe.report import Finding, ProbeOutcome, Question
from strongroom.probe.services import ApiUser, Reply
from strongroom.signing.deposit_wallet import WalletBatch
from strongroom.signing.keys import sign_hash
from strongroom.signing.venue_requests import wallet_create_body

WALLET, SAFE = 3, 2  # signature types of the makers
SWAP_GAS = 100_000  # of a Safe's swapOwner, or a wallet's completeOwnershipHandover


@dataclass
class ProbeRun:
    """A probe under way.

    Attributes:
        user, successor: logged in; None: they could not be, or there is nobody
        left: what could not be put back
    """

    place: ProbePlace
    user: ApiUser | None = None
    successor: ApiUser | None = None
    findings: dict[Question, Finding] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    _mark: int = 0

    def start_question(self) -> None:
        """What the services say from now on belongs to the next question."""
        self._mark = len(self.place.services.said)

    def find(self, question: Question, outcome: ProbeOutcome, why: str = "") -> None:
        """Write down what became of a question."""
        words = tuple(self.place.services.said[self._mark :])
        self.findings[question] = Finding(outcome, why, words)
        self.start_question()

    def of(self, question: Question, reply: Reply, of_key: bool = False) -> ProbeOutcome:
        """Write down what an answer says to a question; return it."""
        outcome = reply.outcome(of_key)
        self.find(question, outcome)
        return outcome

    def control(self, reply: Reply, what: str) -> None:
        """Go on only if what must work does.

        Raises:
            Settled: it does not, so that nothing could be told from a refusal.
        """
        if not reply.taken:
            away = reply.outcome() is ProbeOutcome.AWAY
            why = f"{what} was not taken either: {reply.said}"
            raise Settled(ProbeOutcome.AWAY if away else ProbeOutcome.UNCLEAR, why)

    def logged_in(self) -> ApiUser:
        """Return who asks.

        Raises:
            Settled: nobody is logged in.
        """
        if self.user is None:
            raise Settled(ProbeOutcome.UNCLEAR, "the account could not log in")
        return self.user

    def other_user(self) -> ApiUser:
        """Return the successor; see `logged_in`."""
        if self.successor is None:
            raise Settled(ProbeOutcome.UNCLEAR, "the successor could not log in")
        return self.successor

    def successor_key(self) -> Key:
        """Return the successor's key; see `logged_in`."""
        return self.other_user().key


@dataclass(frozen=True)
class ProbeStep:
    """One step, asked for by itself.

    Attributes:
        does: in words, for whoever consents
        transactions: of the account, that cost gas
        orders: whether orders rest for a moment
        missing: what the probe was not given for it; empty: nothing
    """

    questions: tuple[Question, ...]
    does: str
    act: Callable[[ProbeRun], None]
    transactions: int = 0
    orders: bool = False
    missing: str = ""


def steps_of(place: ProbePlace) -> list[ProbeStep]:
    """Return the steps of a probe; those that change owners come last."""
    contract = place.contract or place.safe
    no_successor = "" if place.successor else "--successor: another key of yours"
    no_safe = "" if place.safe else "--safe: your Safe at the venue"
    return [
        ProbeStep(
            (Question.CONTRACT_OWNER, Question.CONTRACT_BATCH, Question.FOREIGN_KEYS),
            f"asks the relayer for a deposit wallet of contract {contract}, lets that approve the "
            f"exchange, pays it what an order promises out of wallet {place.wallet}, places an "
            "order of it by the account's API key, and takes the money back. The new wallet stays.",
            _contract_owner,
            orders=True,
            missing="" if contract else "--contract or --safe: a Safe whose only owner you are",
        ),
        ProbeStep(
            (Question.LONG_SIGNATURES,),
            f"lets wallet {place.wallet} carry two batches that change nothing, one with 65 bytes "
            "of signature, one with more.",
            _long_signatures,
        ),
        ProbeStep(
            (Question.OTHER_MAKERS,),
            f"places an order of contract {place.contract}, which must hold pUSD and have approved "
            "the exchange; if it is taken, it is cancelled at once.",
            _other_makers,
            orders=True,
            missing="" if place.contract else "--contract: a Safe of yours, not the venue's",
        ),
        ProbeStep(
            (Question.SAFE_OWNERS,),
            f"gives Safe {place.safe} to the successor, places an order of it by the account's "
            "key, and takes it back.",
            _safe_owners,
            transactions=2,
            orders=True,
            missing=no_safe or no_successor,
        ),
        ProbeStep(
            (Question.HANDOVER, Question.KEY_AFTER_HANDOVER, Question.NEW_OWNERS_KEY),
            f"hands wallet {place.wallet} with all that it holds to the successor, places orders "
            "by the old and the new API key, and hands it back. If the venue does not carry the "
            "way back, the wallet stays the successor's.",
            _handover,
            transactions=2,
            orders=True,
            missing=no_successor,
        ),
    ]


def _contract_owner(run: ProbeRun) -> None:
    place, contract = run.place, run.place.contract or run.place.safe
    wallet = wallet_of(contract)
    if not place.chain.code(contract):
        raise Settled(ProbeOutcome.UNCLEAR, f"there is no contract at {contract}")
    if not place.chain.code(wallet):
        reply = place.create_wallet(wallet_create_body(contract, POLYGON.deposit))
        if not reply.taken:
            run.of(Question.CONTRACT_OWNER, reply)
            raise Settled(ProbeOutcome.NOT_ASKED, "there is no wallet of a contract")
    owner = place.owner_of(wallet)
    if owner.lower() != contract.lower():
        raise Settled(ProbeOutcome.UNCLEAR, f"wallet {wallet} has the owner {owner or 'nobody'}")
    run.find(Question.CONTRACT_OWNER, ProbeOutcome.TAKEN, f"{contract} owns wallet {wallet}")
    if place.sole_owner(contract) != place.owner.address:
        raise Settled(ProbeOutcome.NOT_ASKED, f"{contract} is no Safe whose only owner you are")
    approval = place.approval(wallet, place.market.cash)
    outcome = _short_batch(run, contract, approval).outcome()
    longer = outcome is ProbeOutcome.REFUSED and _long_batch(run, contract, approval).taken
    why = "a signature of more than 65 bytes is taken, and keepers send 65" if longer else ""
    run.find(Question.CONTRACT_BATCH, outcome, why)
    if outcome is not ProbeOutcome.TAKEN and not longer:
        raise Settled(ProbeOutcome.NOT_ASKED, "the contract's wallet cannot approve the exchange")
    _foreign_keys(run, contract, wallet)


def _short_batch(run: ProbeRun, contract: str, batch: WalletBatch) -> Reply:
    """Hand in a batch that a contract signs with 65 bytes of a key's, as keepers do: on chain a
    contract's may have any length (VENUE a4), what the relayer takes is not known (VENUE g)."""
    place = run.place
    return place.carry(batch, contract, place.by_contract(contract, place.digest(batch)))


def _long_batch(run: ProbeRun, contract: str, batch: WalletBatch) -> Reply:
    """Hand in a batch that a contract signs with more."""
    place = run.place
    inner = place.by_contract(contract, place.nested_batch(batch))
    return place.carry(batch, contract, place.longer(batch, inner))


def _foreign_keys(run: ProbeRun, contract: str, wallet: str) -> None:
    """Lend the contract's wallet what an order promises, and order by a key not its owner's."""
    place, user = run.place, run.logged_in()
    _trade_as_ever(run)
    if (lacks := place.market.cash - place.pusd_of(wallet)) > 0:
        reply = place.carry_as_owner(place.payment(place.wallet, wallet, lacks))
        run.control(reply, "a payment out of your wallet")
    try:
        reply = place.place(user, place.contracts_wallet_order(contract))
        run.of(Question.FOREIGN_KEYS, reply)
    finally:
        run.left.append(f"wallet {wallet}, of {contract}, holds {place.pusd_of(wallet)} micro-pUSD")
        home = place.payment(wallet, place.wallet, place.pusd_of(wallet))
        reply = _short_batch(run, contract, home)
        if reply.outcome() is ProbeOutcome.REFUSED:
            reply = _long_batch(run, contract, home)
        run.control(reply, "the payment back")
        run.left.pop()


def _long_signatures(run: ProbeRun) -> None:
    place = run.place
    _own_wallet(place)
    reply = place.carry_as_owner(place.harmless(place.wallet))
    run.control(reply, "a batch with 65 bytes of signature")
    batch = place.harmless(place.wallet)
    inner = sign_hash(place.owner.account, place.nested_batch(batch))
    reply = place.carry(batch, place.owner.address, place.longer(batch, inner))
    run.of(Question.LONG_SIGNATURES, reply)


def _other_makers(run: ProbeRun) -> None:
    place, user = run.place, run.logged_in()
    _trade_as_ever(run)
    run.of(Question.OTHER_MAKERS, place.place(user, place.contract_order()))


def _safe_owners(run: ProbeRun) -> None:
    place, user, new = run.place, run.logged_in(), run.successor_key()
    if place.sole_owner(place.safe) == new.address:
        place.swap_owner(new, place.owner.address)  # an earlier probe was ended in between
    if place.sole_owner(place.safe) != place.owner.address:
        raise Settled(ProbeOutcome.UNCLEAR, f"{place.safe} is no Safe whose only owner you are")
    place.look_at_funds(user, SAFE)
    run.control(place.place(user, place.safe_order()), "an order of the Safe of yours")
    place.swap_owner(place.owner, new.address)
    try:
        reply = place.place(user, place.safe_order())
        run.of(Question.SAFE_OWNERS, reply, of_key=True)
    finally:
        run.left.append(f"Safe {place.safe} belongs to {new.address}: run the probe again")
        place.swap_owner(new, place.owner.address)
        run.left.pop()


def _handover(run: ProbeRun) -> None:
    place, user, new = run.place, run.logged_in(), run.successor_key()
    if place.owner_of(place.wallet) == new.address:
        _hand_back(run, new)
    _trade_as_ever(run)
    reply = place.carry_as_owner(place.handover(new.address))
    if run.of(Question.HANDOVER, reply) is not ProbeOutcome.TAKEN:
        raise Settled(ProbeOutcome.NOT_ASKED, "the wallet was not handed over")
    place.complete_handover(new)
    try:
        reply = place.place(user, place.wallet_order(new))
        run.of(Question.KEY_AFTER_HANDOVER, reply, of_key=True)
        reply = place.place(run.other_user(), place.wallet_order(new))
        run.of(Question.NEW_OWNERS_KEY, reply)
    finally:
        _hand_back(run, new)


def _hand_back(run: ProbeRun, new: Key) -> None:
    """Make the wallet the account's again; say so where the venue does not carry it."""
    place = run.place
    run.left.append(
        f"wallet {place.wallet} belongs to {new.address}, who can pause it and withdraw what it "
        "holds, or run the probe again"
    )
    batch = place.handover(place.owner.address)
    reply = place.carry(batch, new.address, sign_hash(new.account, place.digest(batch)))
    run.control(reply, "the way back")
    place.complete_handover(place.owner)
    run.left.pop()


def _trade_as_ever(run: ProbeRun) -> None:
    """Place an order of the wallet as its owner does every day.

    Raises:
        Settled: it is not taken.
    """
    place, user = run.place, run.logged_in()
    _own_wallet(place)
    place.look_at_funds(user, WALLET)
    run.control(place.place(user, place.wallet_order(place.owner)), "the wallet's own order")


def _own_wallet(place: ProbePlace) -> None:
    owner = place.owner_of(place.wallet)
    if owner != place.owner.address:
        whose = f"is {owner}'s" if owner else "is not there"
        raise Settled(ProbeOutcome.UNCLEAR, f"deposit wallet {place.wallet} {whose}")
