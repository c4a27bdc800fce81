"""A source graduates by the outcomes of what it forecast, held or not (keeper.md K26)."""

import random
from types import SimpleNamespace

import pytest
from strongroom.chain.calls import Ask
from strongroom.chain.terms import ClassTerms
from strongroom.execution.vault_reader import VaultReader
from strongroom.information.forecast import Given
from strongroom.journal import Journal
from strongroom.keeper.forecast_record import OUTCOMES_EVERY_S
from strongroom.keeper.tick import Keeper

CTF, VAULT, IMPLEMENTATION = ("0x" + digit * 40 for digit in "123")
CONDITIONS = [f"0x{number:064x}" for number in range(1, 151)]


class TokensAlone:
    """A chain with a vault of one class, which holds nothing, and ConditionalTokens."""

    def __init__(self, paid):
        self.paid, self.asked = paid, []

    def ask(self, asked):
        self.asked += asked
        return [self.answer(each) for each in asked]

    def answer(self, ask):
        match ask:
            case Ask(_, "Vault", "classOf", (0,)):
                return ClassTerms(IMPLEMENTATION, VAULT, VAULT).arguments()
            case Ask(address, _, "CTF", ()) if address == IMPLEMENTATION:
                return CTF
            case Ask(_, "ConditionalTokens", "payoutDenominator", (condition,)):
                return sum(self.paid.get(condition, (0, 0)))
            case Ask(_, "ConditionalTokens", "payoutNumerators", (condition, place)):
                return self.paid[condition][place]
        raise AssertionError(ask)


def keeper_of(chain):
    """A keeper's own methods over a real journal; the vault holds nothing."""
    return Keeper(
        journal=Journal("sqlite://"),
        chain=chain,
        vault=VaultReader(chain, VAULT, (0,)),
        **dict.fromkeys(
            ("venue", "transactor", "desk", "tasks", "duties", "reporter", "sources", "packs",
             "rules", "exchanges")
        ),
    )  # fmt: skip


NOTHING = SimpleNamespace(markets={})


@pytest.mark.parametrize("evidence_at", [90, None])
def test_a_source_with_skill_graduates_while_the_vault_holds_nothing(evidence_at):
    dice, paid = random.Random(26), {}
    chain = TokensAlone(paid)
    keeper = keeper_of(chain)
    for condition in CONDITIONS:
        yes = dice.random() < 0.5
        chance = 0.6 if yes else 0.4
        keeper.journal.forecast(Given("able", condition, chance, 100, evidence_at), condition, 0.5)
        paid[condition] = (1, 0) if yes else (0, 1)
    assert keeper.forecasts.graduates() == {}
    keeper.forecasts.resolve(NOTHING, 1_000)
    passed, why = keeper.forecasts.graduates()["able"]
    assert passed and ("not checked" in why) == (evidence_at is None)
    assert keeper.journal.unresolved() == []


def test_outcomes_are_those_of_the_chain_and_what_is_open_stays_unknown():
    chain = TokensAlone({CONDITIONS[0]: (1, 1), CONDITIONS[1]: (0, 3)})
    keeper = keeper_of(chain)
    for condition in CONDITIONS[:3]:
        keeper.journal.forecast(Given("able", condition, 0.5, 100, 90), condition, 0.5)
    keeper.forecasts.resolve(NOTHING, 1_000)
    (known,) = keeper.journal.resolved_forecasts().values()
    assert sorted(each.outcome for each in known) == [0, 0.5]  # lost, void
    assert keeper.journal.unresolved() == [CONDITIONS[2]]
    chain.paid[CONDITIONS[2]] = (1, 0)
    keeper.forecasts.resolve(NOTHING, 1_000 + OUTCOMES_EVERY_S - 1)  # not asked at every tick
    assert keeper.journal.unresolved() == [CONDITIONS[2]]
    keeper.forecasts.resolve(NOTHING, 1_000 + OUTCOMES_EVERY_S)
    assert keeper.journal.unresolved() == []


def test_a_forecast_that_was_made_when_the_outcome_was_known_does_not_count():
    """Another source's forecast had the journal learn the outcome; this one comes after it."""
    keeper = keeper_of(TokensAlone({}))
    journal = keeper.journal
    for number, condition in enumerate(CONDITIONS):
        won = number % 2
        journal.forecast(Given("early", condition, 0.5, 100, 90), condition, 0.5)
        journal.resolve(condition, float(won), 1_000)
        for source, at in (("late", 1_050), ("at once", 1_000)):
            said = Given(source, condition, 0.9 if won else 0.1, at, at)
            journal.forecast(said, condition, 0.8 if won else 0.2)
        assert journal.unresolved() == []
        journal.resolve(condition, float(won), 1_600)
    found = journal.resolved_forecasts()
    assert set(found) == {"early"} and set(keeper.forecasts.graduates()) == {"early"}
    assert {each.known_at for each in found["early"]} == {1_000}


def test_a_forecast_that_is_dated_after_the_outcome_was_learnt_does_not_count():
    journal = Journal("sqlite://")
    for source, at in (("early", 999), ("at once", 1_000), ("late", 1_001)):
        journal.forecast(Given(source, CONDITIONS[0], 0.9, at, at), "event", 0.5)
    journal.resolve(CONDITIONS[0], 1.0, 1_000)
    assert set(journal.resolved_forecasts()) == {"early"}
