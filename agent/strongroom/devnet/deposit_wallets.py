"""Deposit wallets of the devnet: made, and their batches carried in, by the factory's operator."""

from eth_account.signers.local import LocalAccount

from strongroom.chain.contracts import Contract, Sender
from strongroom.chain.units import HOUR
from strongroom.signing.deposit_wallet import WalletBatch
from strongroom.signing.hashing import address_word
from strongroom.signing.keys import sign_hash

TIMELOCK_DELAY = HOUR  # of a paused wallet; the venue's (VENUE a2)


def make_deposit_wallet(factory: Contract, owner: str, operator: Sender) -> str:
    """Make the deposit wallet that the venue's service would make for `owner`; return its
    address, which is there already if the owner has one."""
    id_ = address_word(owner)
    factory.deploy([owner], [id_], sender=operator)
    return str(factory.predictWalletAddress(id_))


def send_batch(
    factory: Contract,
    batch: WalletBatch,
    owner: LocalAccount,
    chain_id: int,
    operator: Sender,
) -> object:
    """Let a wallet make the calls of a batch that its owner signs here; return the receipt."""
    signature = sign_hash(owner, batch.digest(chain_id))
    return factory.proxy([batch.argument()], [signature], sender=operator)
