# pragma version 0.4.3
"""
@title pUSD stand-in
@license AGPL-3.0-only
@author Strongroom
@notice Devnet only: the venue's trading collateral (VENUE c2), 6 decimals, one to one with USDC or
        USDC.e in a vault. Wrappers (ramps, adapters) wrap what they sent here before, and unwrap
        pUSD that they sent here before; minters (modules of Protocol V2) mint, and burn their own.
        Refusals are the venue's four-byte errors.
        Leaves out the proxy and its upgrades, and EIP-2612's permit.
@custom:security As on the venue, a minter makes pUSD that nothing backs.
"""

from contracts.devnet.modules import moving


interface ICallbacks:
    def wrapCallback(asset: address, to: address, amount: uint256, data: Bytes[MAX_DATA]): nonpayable
    def unwrapCallback(asset: address, to: address, amount: uint256, data: Bytes[MAX_DATA]): nonpayable


event Transfer:
    sender: indexed(address)
    receiver: indexed(address)
    amount: uint256


event Approval:
    owner: indexed(address)
    spender: indexed(address)
    amount: uint256


event Wrapped:
    caller: indexed(address)
    asset: indexed(address)
    to: indexed(address)
    amount: uint256


event Unwrapped:
    caller: indexed(address)
    asset: indexed(address)
    to: indexed(address)
    amount: uint256


MAX_DATA: constant(uint256) = 1024  # bytes for a callback

name: public(constant(String[14])) = "Polymarket USD"
symbol: public(constant(String[4])) = "pUSD"
decimals: public(constant(uint8)) = 6

USDC: public(immutable(address))
USDCE: public(immutable(address))
VAULT: public(immutable(address))  # holds what backs pUSD, and has approved this contract

owner: public(address)
is_minter: HashMap[address, bool]
is_wrapper: HashMap[address, bool]
totalSupply: public(uint256)
balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])


@deploy
def __init__(usdc: address, usdce: address, vault: address):
    """
    @param usdc USDC; with USDC.e what backs pUSD
    @param vault Holds it
    """
    USDC = usdc
    USDCE = usdce
    VAULT = vault
    self.owner = msg.sender


@external
def transfer(to: address, amount: uint256) -> bool:
    """
    @notice ERC-20.
    """
    self._move(msg.sender, to, amount)
    return True


@external
def transferFrom(sender: address, to: address, amount: uint256) -> bool:
    """
    @notice ERC-20. The largest allowance is not used up.
    """
    allowed: uint256 = self.allowance[sender][msg.sender]
    if allowed != max_value(uint256):
        if amount > allowed:
            raw_revert(method_id("InsufficientAllowance()"))
        self.allowance[sender][msg.sender] = allowed - amount
    self._move(sender, to, amount)
    return True


@external
def approve(spender: address, amount: uint256) -> bool:
    """
    @notice ERC-20.
    """
    self.allowance[msg.sender][spender] = amount
    log Approval(owner=msg.sender, spender=spender, amount=amount)
    return True


@external
def wrap(asset: address, to: address, amount: uint256, callback: address, data: Bytes[MAX_DATA]):
    """
    @notice Mints `amount` to `to` and sends as much of `asset`, which must be here by then, to the
            vault. Wrappers only.
    @param callback Is called in between; may be zero
    """
    self._check_wrapper(asset)
    self._mint(to, amount)
    if callback != empty(address):
        extcall ICallbacks(callback).wrapCallback(asset, to, amount, data)
    moving._pay(asset, VAULT, amount)
    log Wrapped(caller=msg.sender, asset=asset, to=to, amount=amount)


@external
def unwrap(asset: address, to: address, amount: uint256, callback: address, data: Bytes[MAX_DATA]):
    """
    @notice Sends `amount` of `asset` out of the vault to `to` and burns as much pUSD, which must
            be here by then. Wrappers only.
    @param callback Is called in between; may be zero
    """
    self._check_wrapper(asset)
    moving._pull(asset, VAULT, to, amount)
    if callback != empty(address):
        extcall ICallbacks(callback).unwrapCallback(asset, to, amount, data)
    self._burn(self, amount)
    log Unwrapped(caller=msg.sender, asset=asset, to=to, amount=amount)


@external
def mint(to: address, amount: uint256):
    """
    @notice Mints. Minters only.
    """
    self._check(self.is_minter[msg.sender])
    self._mint(to, amount)


@external
def burn(amount: uint256):
    """
    @notice Burns the caller's own. Minters only.
    """
    self._check(self.is_minter[msg.sender])
    self._burn(msg.sender, amount)


@external
def addMinter(account: address):
    """
    @notice Makes a minter. Owner only.
    """
    self._check(msg.sender == self.owner)
    self.is_minter[account] = True


@external
def removeMinter(account: address):
    """
    @notice Removes a minter. Owner only.
    """
    self._check(msg.sender == self.owner)
    self.is_minter[account] = False


@external
def addWrapper(account: address):
    """
    @notice Makes a wrapper. Owner only.
    """
    self._check(msg.sender == self.owner)
    self.is_wrapper[account] = True


@external
def removeWrapper(account: address):
    """
    @notice Removes a wrapper. Owner only.
    """
    self._check(msg.sender == self.owner)
    self.is_wrapper[account] = False


@internal
@view
def _check_wrapper(asset: address):
    self._check(self.is_wrapper[msg.sender])
    if asset != USDC and asset != USDCE:
        raw_revert(method_id("InvalidAsset()"))


@internal
@pure
def _check(allowed: bool):
    if not allowed:
        raw_revert(method_id("Unauthorized()"))


@internal
def _move(sender: address, to: address, amount: uint256):
    have: uint256 = self.balanceOf[sender]
    if amount > have:
        raw_revert(method_id("InsufficientBalance()"))
    self.balanceOf[sender] = have - amount
    self.balanceOf[to] += amount
    log Transfer(sender=sender, receiver=to, amount=amount)


@internal
def _mint(to: address, amount: uint256):
    if amount > max_value(uint256) - self.totalSupply:
        raw_revert(method_id("TotalSupplyOverflow()"))
    self.totalSupply += amount
    self.balanceOf[to] += amount
    log Transfer(sender=empty(address), receiver=to, amount=amount)


@internal
def _burn(sender: address, amount: uint256):
    have: uint256 = self.balanceOf[sender]
    if amount > have:
        raw_revert(method_id("InsufficientBalance()"))
    self.balanceOf[sender] = have - amount
    self.totalSupply -= amount
    log Transfer(sender=sender, receiver=empty(address), amount=amount)
