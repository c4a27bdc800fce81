"""A depositor's commands: each previews, simulates, asks, sends, and reports the result.

Nothing is sent unless the whole can go through: the transactions are simulated together first.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from strongroom.chain.accounts import Wallet, wallet
from strongroom.chain.contracts import Contracts, Key
from strongroom.chain.failures import TransactionRefused
from strongroom.chain.gas import MARGIN
from strongroom.chain.ids import BadId, market_id
from strongroom.chain.simulation import Intended, simulate
from strongroom.chain.units import ETHER
from strongroom.depositor.amounts import money, shares_text, to_assets, to_shares
from strongroom.depositor.options import (
    CancelOptions,
    ClaimOptions,
    CommandResult,
    DepositOptions,
    ExitOptions,
    MinedTransaction,
    Options,
    PositionOptions,
    PositionResult,
    RedeemOptions,
    RequestKind,
)
from strongroom.depositor.preview import Depositor, NotPossible, Preview
from strongroom.depositor.vault import DepositorVault
from strongroom.depositor.words import say
from strongroom.errors import BadInput, StrongroomError

HOW_FAR = "See how far it is with `strongroom position`."


@dataclass(frozen=True)
class _Desk:
    """What every command needs."""

    options: Options
    chain: Contracts
    vault: DepositorVault
    wallet: Wallet

    @property
    def view(self) -> Depositor:
        """The depositor's view, as of now."""
        return Depositor(self.vault, self.wallet.address, self.chain.now())


def run_deposit(options: DepositOptions) -> CommandResult:
    """Ask to deposit; the next report closes the request, one after it prices it.

    Raises:
        BadInput, NotPossible, Away, Refused: see `_carry_out`.
    """
    desk = _open(options)
    vault, who = desk.vault, desk.wallet.address
    assets = to_assets(options.amount, vault.assets_of(who))
    request = vault.send("requestDeposit", assets, who, who)
    steps = [request] if vault.allowance(who) >= assets else [vault.approve(assets), request]
    return _carry_out(
        desk, desk.view.deposit(assets), steps, f"{money(assets)} {vault.symbol}", HOW_FAR
    )


def run_redeem(options: RedeemOptions) -> CommandResult:
    """Ask to redeem; reports price and pay it.

    Raises:
        BadInput, NotPossible, Away, Refused: see `_carry_out`.
    """
    desk = _open(options)
    who = desk.wallet.address
    shares = to_shares(options.shares, desk.vault.shares_of(who))
    return _carry_out(
        desk,
        desk.view.redeem(shares),
        [desk.vault.send("requestRedeem", shares, who, who)],
        f"{shares_text(shares)} shares",
        HOW_FAR,
    )


def run_claim(options: ClaimOptions) -> CommandResult:
    """Take the shares and the assets that reports have settled.

    Raises:
        BadInput, NotPossible, Away, Refused: see `_carry_out`.
    """
    desk = _open(options)
    return _carry_out(
        desk,
        desk.view.claim(),
        desk.vault.claims(desk.wallet.address),
        "",
        "The amounts are in your account: see `strongroom position`.",
    )


def run_cancel(options: CancelOptions) -> CommandResult:
    """Take a request back: an open one, one that was handed back, or what a report has left over.

    Raises:
        BadInput, NotPossible, Away, Refused: see `_carry_out`.
    """
    desk = _open(options)
    who, found = desk.wallet.address, desk.view.to_take_back(options.side, options.request)
    if len(found) > 1:
        known = ", ".join(f"{each.side} --request {each.request_id}" for each in found)
        raise BadInput(f"you have several requests that can be taken back: name one of {known}")
    if not found:
        raise NotPossible(desk.view.why_not_back(options.side, options.request))
    (request,) = found
    is_deposit = request.side is RequestKind.DEPOSIT
    function = "cancelDepositRequest" if is_deposit else "cancelRedeemRequest"
    return _carry_out(
        desk,
        desk.view.cancel(request),
        [desk.vault.send(function, request.request_id, who, who)],
        "",
        "The request is cancelled, and its amount is in your account again.",
    )


def run_exit(options: ExitOptions) -> CommandResult:
    """Leave in kind, at any time: without keeper, reporter or price.

    Raises:
        BadInput, NotPossible, Away, Refused: see `_carry_out`.
    """
    desk = _open(options)
    vault, who, request = desk.vault, desk.wallet.address, None
    for each in options.skip:
        _check_market(each)
    if (options.shares is None) == (options.request is None):
        raise BadInput("name an amount of shares, or a waiting redemption with --request")
    if options.request is not None:
        request = desk.view.redemption(options.request)
        if request is None:
            known = ", ".join(map(str, desk.view.redemptions())) or "none"
            raise NotPossible(
                f"no redemption request {options.request} of yours waits: those that do: {known}"
            )
        shares = request.pending
    else:
        shares = to_shares(str(options.shares), vault.shares_of(who))
    return _carry_out(
        desk,
        desk.view.exit(shares, request, options.skip),
        [vault.exit(who, shares, options.request, options.skip)],
        f"{shares_text(shares)} shares",
        "Your part is in your account: the asset, and outcome tokens where the vault held some.",
    )


def _check_market(text: str) -> None:
    """Refuse what is not the id of a market.

    Raises:
        BadInput: it is none.
    """
    try:
        market_id(text)
    except BadId as error:
        raise BadInput(f"--skip {text}: a market is 0x and 64 hex digits") from error


def run_position(options: PositionOptions) -> PositionResult:
    """Return an account's position in a vault.

    Raises:
        BadInput, Away: the vault, the account or the node is not there.
    """
    desk = _open(options)
    return PositionResult(desk.view.position(), desk.vault.symbol)


def _open(options: Options) -> _Desk:
    chain = Contracts(options.rpc)
    account = wallet(options.account, chain, options.passphrase)
    return _Desk(options, chain, DepositorVault(chain, options.vault), account)


def _carry_out(
    desk: _Desk, preview: Preview, steps: Sequence[Intended], handed_over: str, next_step: str
) -> CommandResult:
    """Preview, simulate, ask, send. `next_step` is said after what the preview says comes next.

    Raises:
        NotPossible: something is lacking, or the transactions would not go through.
        ConfigError: the keystore does not open.
        TransactionRefused, ChainAway: the message names every transaction that was sent.
    """
    options = desk.options
    for line in preview.lines:
        options.say(f"- {line}")
    lacks = [*preview.lacks, *_gas_lacks(desk, steps, tried=not preview.lacks)]
    if lacks:
        raise NotPossible("this cannot go through: " + "; ".join(lacks))
    sent: list[MinedTransaction] = []
    if not options.dry_run and options.ask("Send it?"):
        key = desk.wallet.unlock()
        for each in steps:
            with _naming(sent):
                sent.append(_send(desk, key, each))
    with _naming(sent):
        position = desk.view.position()
    after = f"{preview.next} {next_step}".strip()
    return CommandResult(preview.lines, bool(sent), tuple(sent), handed_over, after, position)


def _send(desk: _Desk, key: Key, step: Intended) -> MinedTransaction:
    done = desk.chain.send(key, step.to, step.data, what=step.what)
    return MinedTransaction(step.what, done.transaction_hash, done.block_number, done.gas_used)


@contextmanager
def _naming(sent: Sequence[MinedTransaction]) -> Iterator[None]:
    """Name in whatever fails here the transactions that were sent before."""
    try:
        yield
    except (StrongroomError, KeyboardInterrupt) as error:
        before = "".join(f"; {done.what} was sent ({done.transaction})" for done in sent)
        raise type(error)(f"{error}{before}".removeprefix("; ")) from error


def _gas_lacks(desk: _Desk, steps: Sequence[Intended], tried: bool) -> list[str]:
    """Return what is missing for gas; `tried` simulates the transactions.

    Raises:
        NotPossible: they would revert.
    """
    have = desk.chain.balance(desk.wallet.address)
    if not tried:
        return [] if have else [say("no_gas")]
    try:
        gas = simulate(desk.chain, desk.wallet.address, steps)
    except TransactionRefused as error:
        raise NotPossible(f"this cannot go through: {error}") from error
    cost = (gas + gas // MARGIN) * desk.chain.fees()[0]
    coin = f"{cost / ETHER:.6f}"
    desk.options.say(f"- {say('gas', coin=coin)}")
    return [] if have >= cost else [say("little_gas", held=f"{have / ETHER:.6f}", coin=coin)]
