"""What is proven of the accounts' bytecode."""

from .proof import ACCOUNTS, MODULES, ONE_ELEMENT, Mutant, Proof, Subject, without

POLYMARKET, FPMM, DELEGATED, WALLET, POSITION = (
    f"{ACCOUNTS}/{name}Account.vy"
    for name in ("Polymarket", "Fpmm", "Delegated", "Wallet", "Position")
)
ACCOUNT, ORDERS, DEPOSIT_WALLET = (
    f"{MODULES}/{name}.vy" for name in ("account", "orders", "deposit_wallet")
)
VENUE = ("MockToken", "MockTokens", "MockSafe", "MockVault", "MockCode")
KINDS = ("PolymarketAccount", "FpmmAccount", "DelegatedAccount")
ORDER = Subject("SignatureChecks", ("PolymarketAccount", *VENUE), 8)
ANY_ACCOUNT = Subject(
    "AccountChecks",
    (*KINDS, *VENUE, "MockAdapter", "MockPool", "MockRegistry"),
    4,
    ONE_ELEMENT,
)
OWNED_WALLET = Subject(
    "WalletChecks",
    ("WalletAccount", *VENUE, "MockAdapter", "MockWallet", "MockFactory"),
    8,
    ONE_ELEMENT,
)
POSITIONS = Subject(
    "PositionChecks",
    (
        "PositionAccount",
        "MockToken",
        "MockPositions",
        "MockModule",
        "MockVault",
        "MockSafe",
        "MockCode",
    ),
    8,
    ONE_ELEMENT,
)

ACCOUNT_PROOFS = (
    Proof(
        "SignatureAdmitsOnlyBounded",
        ORDER,
        ("check_binary", "check_event"),
        mutants=(
            without(ORDERS, "order.maker != maker or "),
            without(ORDERS, " or order.side > SELL"),
            without(ORDERS, "order.makerAmount == 0 or "),
            without(ORDERS, "block.timestamp > expiry or "),
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
        ANY_ACCOUNT,
        (
            *("check_polymarket_halt", "check_fpmm_halt", "check_delegated_halt"),
            *("check_polymarket_halted", "check_fpmm_halted", "check_delegated_halted"),
        ),
        mutants=(
            without(ORDERS, "    self._approve_exchange(False)\n"),
            Mutant(ACCOUNT, "self.state += 2", "self.state += 1", by="check_polymarket_halted"),
            without(ACCOUNT, '    assert self._may_make_safer(), "not allowed to halt"\n'),
        ),
    ),
    Proof(
        "AccountNoOutflow",
        ANY_ACCOUNT,
        (
            *("check_polymarket_outflow", "check_delegated_outflow"),
            *("check_fpmm_outflow_yes", "check_fpmm_outflow_no"),
        ),
        mutants=(
            without(ACCOUNT, '    assert msg.sender == vault, "not the vault"\n'),
            Mutant(ACCOUNT, "    self._check_keeper()\n    vault", "    vault"),
            without(
                FPMM,
                "    extcall IConditionalTokens(account.CTF).setApprovalForAll(pool, False)\n",
                by="check_fpmm_outflow_yes",
            ),
        ),
    ),
    Proof(
        "SignatureAdmitsOnlyBounded",
        OWNED_WALLET,
        ("check_wallet_order",),
        mutants=(
            Mutant(
                WALLET,
                "if hash != deposit_wallet._nested_digest(",
                "if empty(bytes32) == deposit_wallet._nested_digest(",
            ),
            Mutant(WALLET, "orders._admits(order, wallet,", "orders._admits(order, order.maker,"),
            Mutant(
                WALLET,
                "payoutDenominator(condition, skip_contract_check=True) != 0",
                "payoutDenominator(condition, skip_contract_check=True) == 7",
            ),
        ),
    ),
    Proof(
        "BatchesReachNobodyElse",
        OWNED_WALLET,
        (
            *("check_wallet_return_cash", "check_wallet_return_token"),
            *("check_wallet_admits_approvals", "check_wallet_batch"),
        ),
        mutants=(
            Mutant(
                WALLET,
                "    if account._halted():\n        calls",
                "    if not account._halted():\n        calls",
            ),
            Mutant(
                WALLET,
                "= self._check_may_take_back()\n    assert len(indexes)",
                "= self._checked_wallet()\n    assert len(indexes)",
            ),
            Mutant(
                WALLET,
                "            wallet,\n            self,\n            wallet_part",
                "            wallet,\n            msg.sender,\n            wallet_part",
                by="check_wallet_return_token",
            ),
            Mutant(
                WALLET,
                "self._check_may_fund()\n    return self._admit",
                "self._checked_wallet()\n    return self._admit",
                by="check_wallet_admits_approvals",
            ),
            without(WALLET, "hash == empty(bytes32) or ", by="check_wallet_batch"),
        ),
    ),
    Proof(
        "WhoMovesWhat",
        OWNED_WALLET,
        (
            *("check_wallet_funded", "check_wallet_tokens_funded", "check_wallet_recalled"),
            *("check_wallet_adopted", "check_wallet_paused", "check_wallet_unpaused"),
            *("check_wallet_in_kind", "check_wallet_halted"),
        ),
        mutants=(
            Mutant(
                WALLET,
                "= self._check_may_fund()\n    log Funded",
                "= self._checked_wallet()\n    log Funded",
            ),
            Mutant(
                WALLET,
                "= self._check_may_fund()\n    token",
                "= self._checked_wallet()\n    token",
                by="check_wallet_tokens_funded",
            ),
            without(
                ACCOUNT,
                '    assert msg.sender == vault, "not the vault"\n',
                by="check_wallet_recalled",
            ),
            without(
                DEPOSIT_WALLET,
                '        and self._number_of(wallet, method_id("nonce()")) == 0\n',
                by="check_wallet_adopted",
            ),
            Mutant(
                WALLET,
                "= self._check_may_take_back()\n    assert deposit_wallet._number_of",
                "= self._checked_wallet()\n    assert deposit_wallet._number_of",
                by="check_wallet_paused",
            ),
            without(
                WALLET,
                '    assert wallet_part._is_guardian_or_owner(), "not the guardian"\n',
                by="check_wallet_unpaused",
            ),
            without(WALLET, "    self.admitted = empty(bytes32)\n", by="check_wallet_halted"),
            Mutant(
                WALLET,
                'account._vault(), "not the vault"\n    assets',
                'msg.sender, "not the vault"\n    assets',
                by="check_wallet_in_kind",
            ),
        ),
    ),
    Proof(
        "SignatureAdmitsOnlyBounded",
        POSITIONS,
        ("check_position_order",),
        mutants=(
            Mutant(
                POSITION,
                " or len(self._result(self._module(), convert(condition, uint256))) != 0",
                "",
            ),
            Mutant(POSITION, "_order_hash(order) != hash", "_order_hash(order) == empty(bytes32)"),
            Mutant(POSITION, 'orders.__init__(exchange, "3")', 'orders.__init__(exchange, "2")'),
        ),
    ),
    Proof(
        "HaltIsFinal",
        POSITIONS,
        ("check_position_halt", "check_position_halted"),
        mutants=(
            without(POSITION, "    orders._leave_exchange()\n"),
            Mutant(ACCOUNT, "self.state += 2", "self.state += 1", by="check_position_halted"),
        ),
    ),
    Proof(
        "AccountNoOutflow",
        POSITIONS,
        ("check_position_outflow", "check_position_event_outflow"),
        mutants=(
            Mutant(
                POSITION,
                "unsafeTransferFrom(self, module.address, token, amount)",
                "unsafeTransferFrom(self, msg.sender, token, amount)",
            ),
            Mutant(
                POSITION,
                "    account._check_may_trade()\n    event_id: bytes29",
                "    event_id: bytes29",
                by="check_position_event_outflow",
            ),
        ),
    ),
)
