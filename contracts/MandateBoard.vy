# pragma version 0.4.3
"""
@title Mandate board
@license AGPL-3.0-only
@author Strongroom
@notice Where owners of vaults announce the mandates that they have signed: for each vault the hash
        of the one that counts. Whoever enforces mandates can see whether the one that he was given
        is the last, and strangers can see every one that ever counted. One board serves all vaults.
@dev Roles: only a vault's present owner announces for it. Nobody can take an announcement back; the
     owner announces the next version instead, which may admit nothing.
     Invariant: a vault's versions only rise, and each names the hash of the one before it.
     Limits of use: the board sees hashes, never what they are of, and asks only the address that it
     is told for `owner()`. Whether that address is a vault, its reader must know.
@custom:security The caller chooses the address that is asked for its owner, so the answer proves
        something about that address alone. It is asked by a static call, before anything is
        written, so it can neither come back nor change what is stored of another.
"""


struct Announcement:
    hash: bytes32  # EIP-712 hash of the mandate; empty: none was announced
    version: uint64
    owner: address  # of the vault, when it announced
    time: uint256  # of the block, timestamp


event MandateAnnounced:
    vault: indexed(address)
    hash: indexed(bytes32)
    version: uint64
    previous: bytes32
    owner: address


interface IOwned:
    def owner() -> address: view


mandateOf: public(HashMap[address, Announcement])  # the last one of each vault


@external
@nonreentrant
def announce(vault: address, version: uint64, previous: bytes32, mandate_hash: bytes32):
    """
    @notice Makes a mandate the vault's present one. Only the vault's owner.
    @param vault The vault that it is for
    @param version Of the mandate: higher than the one before
    @param previous Hash of the one before; empty for the first
    @param mandate_hash EIP-712 hash of the mandate
    """
    assert vault.is_contract, "vault has no code"
    assert msg.sender == staticcall IOwned(vault).owner(), "not the vault's owner"
    assert mandate_hash != empty(bytes32), "no hash"
    before: Announcement = self.mandateOf[vault]
    assert previous == before.hash, "not the one before"
    assert version > before.version, "version does not rise"
    self.mandateOf[vault] = Announcement(
        hash=mandate_hash, version=version, owner=msg.sender, time=block.timestamp
    )
    log MandateAnnounced(
        vault=vault, hash=mandate_hash, version=version, previous=previous, owner=msg.sender
    )
