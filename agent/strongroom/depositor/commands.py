"""A depositor's commands: each previews, simulates, asks, sends, and reports the result.

Nothing is sent unless the whole can go through: the transactions are simulated together first.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from strongroom.chain.accounts import Wallet, wallet
from strongroom.chain.contracts import MARGIN, Contracts, Key
from strongroom.chain.failures import TransactionRefused
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
from strongroom.errors import BadInput, StrongroomError


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
    """Ask to deposit; the next report prices it.

    Raises:
        BadInput, NotPossible, Away, Refused: see `_carry_out`.
    """
    desk = _open(options)
    vault, who = desk.vault, desk.wallet.address
    assets = to_assets(options.amount, vault.assets_of(who))
    request = vault.send("requestDeposit", assets, who, who)
    steps = [request] if vault.allowance(who) >= assets else [vault.approve(assets), request]
    return _carry_out(
        desk,
        desk.view.deposit(assets),
        steps,
        f"{money(assets)} {vault.symbol}",
        "The next report prices your deposit: then take your shares with `strongroom claim`.",
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
        "The next report prices your redemption: then take the assets with `strongroom claim`.",
    )


def run_claim(options: ClaimOptions) -> CommandResult:
    """Take the shares and the assets that reports have settled.

    Raises:
        BadInput, NotPossible, Away, Refused: see `_carry_out`.
    """
    desk = _open(options)
    vault, who = desk.vault, desk.wallet.address
    assets, shares = (
        vault.claimable(RequestKind.DEPOSIT, who)[0],
        vault.claimable(RequestKind.REDEEM, who)[0],
    )
    steps = [vault.send("deposit", assets, who)] if assets else []
    steps += [vault.send("redeem", shares, who, who)] if shares else []
    return _carry_out(
        desk,
        desk.view.claim(),
        steps,
        "",
        "The amounts are in your account: see `strongroom position`.",
    )


def run_cancel(options: CancelOptions) -> CommandResult:
    """Take a request back before a report has priced it.

    Raises:
        BadInput, NotPossible, Away, Refused: see `_carry_out`.
    """
    desk = _open(options)
    who, side = desk.wallet.address, options.side
    waiting = [each for each in RequestKind if desk.vault.waiting(each, who)]
    if side is None and len(waiting) > 1:
        raise BadInput("you have two waiting requests: name one, deposit or redeem")
    if side is None and not waiting:
        raise NotPossible("you have no request that waits for a report")
    side = side or waiting[0]
    function = "cancelDepositRequest" if side is RequestKind.DEPOSIT else "cancelRedeemRequest"
    return _carry_out(
        desk,
        desk.view.cancel(side),
        [desk.vault.send(function, who, who)],
        "",
        "The request is cancelled, and its amount is in your account again.",
    )


def run_exit(options: ExitOptions) -> CommandResult:
    """Leave in kind: without keeper, reporter or price.

    Raises:
        BadInput, NotPossible, Away, Refused: see `_carry_out`.
    """
    desk = _open(options)
    vault, who = desk.vault, desk.wallet.address
    held = vault.shares_of(who) if vault.winding_down() else vault.waiting(RequestKind.REDEEM, who)
    shares = to_shares(options.shares, held)
    return _carry_out(
        desk,
        desk.view.exit(shares),
        [vault.send("redeemInKind", shares, who)],
        f"{shares_text(shares)} shares",
        "Your part is in your account: the asset, and outcome tokens where the vault held some.",
    )


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
    """Preview, simulate, ask, send.

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
    return CommandResult(preview.lines, bool(sent), tuple(sent), handed_over, next_step, position)


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
        return [] if have else ["you have none of the chain's coin to pay for gas"]
    try:
        gas = simulate(desk.chain, desk.wallet.address, steps)
    except TransactionRefused as error:
        raise NotPossible(f"this cannot go through: {error}") from error
    cost = (gas + gas // MARGIN) * desk.chain.fees()[0]
    if have >= cost:
        return []
    return [f"you have {have / ETHER:.6f} of the chain's coin, gas may take {cost / ETHER:.6f}"]
