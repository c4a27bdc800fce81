"""Calls of registries: simulated, asked about, sent. Whose account is a Safe gets the calls."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from strongroom.chain.accounts import Wallet, wallet
from strongroom.chain.contracts import Contract, Contracts, Key, Receipt
from strongroom.chain.ids import to_hex
from strongroom.chain.simulation import Intended, simulate
from strongroom.errors import BadInput
from strongroom.identity.registries import Registries, RegistryAddresses


def _silent(words: str) -> None:
    return None


def _never(question: str) -> bool:
    return False


@dataclass(frozen=True, kw_only=True)
class IdentityOptions:
    """Where the registries are, and who acts.

    Attributes:
        account: a keystore file, an ape account's name, TEST::n; an address (a Safe's) with
            dry_run, which prints its calls
        first_block: from which on events are looked for
        files: folders, CAR files and URLs where files are looked for by their hashes
        dry_run: simulate, send nothing
        ask: is handed the question before anything is sent
    """

    rpc: str
    at: RegistryAddresses = field(default=RegistryAddresses())
    account: str = ""
    first_block: int = 0
    files: tuple[str, ...] = ()
    dry_run: bool = False
    say: Callable[[str], None] = _silent
    ask: Callable[[str], bool] = _never
    passphrase: Callable[[str], str] | None = None


@dataclass(frozen=True)
class RegistryCall:
    """A call, as a Safe's owners take it; `transaction` is its hash where it was sent."""

    what: str
    to: str
    data: str
    transaction: str = ""
    block: int = 0


class RegistryDesk:
    """Sends calls one after the other."""

    def __init__(self, options: IdentityOptions) -> None:
        """Connect.

        Raises:
            ChainAway, BadInput: node, account or registries are not there.
        """
        self.options, self.chain = options, Contracts(options.rpc)
        self.registries = Registries(self.chain, options.at, options.first_block)
        self.wallet: Wallet | None = (
            wallet(options.account, self.chain, options.passphrase) if options.account else None
        )
        self.calls: list[RegistryCall] = []
        self._key: Key | None = None

    @property
    def address(self) -> str:
        """Who acts; zero: nobody is named."""
        return self.wallet.address if self.wallet else "0x" + "00" * 20

    def send(self, contract: Contract, function: str, *arguments: object) -> Receipt | None:
        """Simulate a call; send it unless it is a dry run, or nobody says yes.

        Raises:
            TransactionRefused: it would revert; nothing of it was sent.
            UnknownAccount, ConfigError, ChainAway: of account and node.
        """
        data = getattr(contract, function).encode_input(*arguments)
        step = Intended(function, contract.address, data)
        gas = simulate(self.chain, self.address, [step])
        self.options.say(f"- {function} at {contract.address}: {gas:,} gas")
        asked = RegistryCall(function, contract.address, to_hex(data))
        if self.options.dry_run or not self._confirmed():
            self.calls.append(asked)
            return None
        done = self.chain.send(self._unlocked(), step.to, step.data, what=function)
        sent = (done.transaction_hash, done.block_number)
        self.calls.append(RegistryCall(asked.what, asked.to, asked.data, *sent))
        return done

    def _confirmed(self) -> bool:
        """Ask; name in a refusal to answer what was sent before."""
        try:
            return self.options.ask("Send it?")
        except (BadInput, KeyboardInterrupt) as error:
            sent = [each for each in self.calls if each.transaction]
            if not sent:
                raise
            names = "; ".join(f"{each.what} was sent ({each.transaction})" for each in sent)
            raise type(error)(f"not confirmed: {names}") from error

    def unlock_all(self, names: Sequence[str]) -> list[Key]:
        """Return the keys of accounts by their names."""
        return [
            wallet(each, self.chain, self.options.passphrase).unlock() for each in names
        ]  # fmt: skip

    def _unlocked(self) -> Key:
        if self._key is None:
            assert self.wallet is not None
            self._key = self.wallet.unlock()
        return self._key
