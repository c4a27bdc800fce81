"""What conditions paid, by whoever pays for the conditions of a keeper's classes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from strongroom.chain.calls import Ask
from strongroom.chain.ids import ConditionId
from strongroom.chain.orders import YES
from strongroom.chain.position_ids import Module, is_position
from strongroom.chain.rpc import checksum
from strongroom.chain.units import MICRO
from strongroom.execution.account_kinds import AccountKind, ServedClasses, classes_of
from strongroom.execution.interfaces import ChainReads


@dataclass(frozen=True)
class _Payers:
    """ConditionalTokens, and the modules of Protocol V2, which are the oracles of their classes."""

    tokens: Sequence[str]
    modules: Mapping[Module, str]


@dataclass
class Payouts:
    """Asks the payers; which they are never changes."""

    chain: ChainReads
    vault: str
    classes: Sequence[int]
    served: ServedClasses = field(default_factory=ServedClasses)
    _payers: _Payers | None = None

    def of(self, conditions: Sequence[ConditionId]) -> dict[ConditionId, Fraction]:
        """Return what YES of conditions was paid, of those that have resolved, held or not."""
        if self._payers is None:
            self._payers = self._find()
        found: dict[ConditionId, Fraction] = {}
        for tokens in self._payers.tokens:
            found |= self._by_tokens(tokens, [each for each in conditions if each not in found])
        for module, address in self._payers.modules.items():
            found |= self._by_module(address, [e for e in conditions if _is_of(e, module)])
        return found

    def _find(self) -> _Payers:
        terms, modules = classes_of(self.chain, self.vault, self.classes), self.served.modules
        asked = [
            Ask(str(each.implementation), AccountKind.STANDARD, "CTF")
            for number, each in terms.items()
            if number not in modules
        ]
        tokens = dict.fromkeys(str(checksum(each)) for each in self.chain.ask(asked))
        return _Payers(
            list(tokens), {each: str(terms[number].oracle) for number, each in modules.items()}
        )

    def _by_tokens(
        self, tokens: str, conditions: Sequence[ConditionId]
    ) -> dict[ConditionId, Fraction]:
        def ask(function: str, arguments: Iterable[tuple[object, ...]]) -> list[int]:
            return self.chain.ask(
                [Ask(tokens, "ConditionalTokens", function, each) for each in arguments]
            )

        whole = ask("payoutDenominator", ((each,) for each in conditions))
        paid = {name: of for name, of in zip(conditions, whole, strict=True) if of}
        yes = ask("payoutNumerators", ((each, YES) for each in paid))
        return {
            name: Fraction(part, of) for (name, of), part in zip(paid.items(), yes, strict=True)
        }

    def _by_module(
        self, module: str, conditions: Sequence[ConditionId]
    ) -> dict[ConditionId, Fraction]:
        """Results add up to a million; what has none is not resolved (VENUE d3)."""
        results: list[Sequence[int]] = self.chain.ask(
            [Ask(module, "PositionModule", "getResult", (each[:-2],)) for each in conditions]
        )
        return {
            name: Fraction(result[YES], MICRO)
            for name, result in zip(conditions, results, strict=True)
            if result
        }


def _is_of(condition: ConditionId, module: Module) -> bool:
    """Whether a condition is a module's: its word has the outcome's place behind (VENUE d1)."""
    word = int(condition, 16)
    return is_position(word) and word >> 248 == module
