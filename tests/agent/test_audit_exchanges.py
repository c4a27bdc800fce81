"""Exchanges that nobody has named, and exchanges that are another vault's: an honest vault is
accused of neither."""

import json
import re
from pathlib import Path

import pytest
from jsonschema import validate
from strongroom.audit.command import AuditOptions, run_audit
from strongroom.audit.conservation import ExchangeUnnamed
from strongroom.audit.contracts import OddAnswer
from strongroom.audit.exchanges import MOST_CLASSES
from strongroom.audit.factory import FactoryResult, VaultLine, unused_by_all
from strongroom.audit.wording import selector_of

from tests.agent.test_audit_refusals import Telling
from tests.property.evidence_life import BUY, EvidenceLife
from tests.property.recorded import RecordingNode
from tests.property.world import UNIT, Kind


@pytest.fixture(scope="module")
def traded(tmp_path_factory):
    """A delegated wallet buys 1,000 of YES for 500, as a revealed decision says."""
    life = EvidenceLife(tmp_path_factory.mktemp("evidence"))
    life.open("m")
    record = life.record(life.leg("m", BUY, "0.5", 1_000 * UNIT))
    life.bought = life.trade("m", BUY, 500 * UNIT, 1_000 * UNIT, record)
    life.report({"m": 50}, record)
    life.report({"m": 50})
    return life


@pytest.mark.parametrize("has_evidence", [True, False])
def test_a_delegated_trade_is_no_theft_where_no_exchange_is_named(traded, has_evidence):
    """The first example of --help, on such a vault: it may not be accused, nor be called clean."""
    evidence = (str(traded.folder),) if has_evidence else ()
    found = traded.audit(evidence=evidence).verdict
    assert found.is_clean and found.checked.fills_joined == has_evidence
    account = traded.world.markets["m"].account.address.lower()
    words = f"block {traded.bought}: account {account} is delegated.*name by --exchange"
    with pytest.raises(ExchangeUnnamed, match=words):
        traded.audit(evidence=evidence, exchanges=())


def test_a_theft_of_a_delegated_wallet_is_named_once_any_exchange_is(tmp_path):
    life = EvidenceLife(tmp_path)
    market = life.open("m")
    life.world.pusd.transfer(life.world.who["mallory"], 7 * UNIT, sender=market.wallet)
    block = life.mine()
    life.report({"m": 50})
    with pytest.raises(ExchangeUnnamed):
        life.audit(exchanges=())
    thefts = [each for each in life.told() if each[1].endswith("that nothing explains")]
    assert [(at, found) for at, _, _, found in thefts] == [(block, str(-7 * UNIT))]


@pytest.fixture(scope="module")
def untraded(tmp_path_factory):
    """A vault whose accounts name their exchange, which has no market yet."""
    return EvidenceLife(tmp_path_factory.mktemp("evidence"), (Kind("binary", "keeper"),))


@pytest.mark.parametrize("are_shared", [False, True])
def test_an_exchange_of_another_vault_is_no_difference_of_this_one(untraded, are_shared):
    """Of a factory's vaults each is given all exchanges; by itself a vault needs only its own."""
    own, other = untraded.world.exchange.lower(), untraded.world.adapter.address.lower()
    verdict = untraded.audit(exchanges=(own, other), are_shared=are_shared).verdict
    assert verdict.exchanges == {own: "used", other: "not used"}
    assert f"exchanges without trades of this vault: {other} (not used)" in verdict.words
    told = [each.what for each in verdict.differences]
    assert told == ([] if are_shared else [f"exchange {other}"])
    schema = json.loads(Path("docs/schemas/audit-2.json").read_text())
    validate(json.loads(json.dumps(verdict.document())), schema)


def test_a_young_vault_without_a_class_has_not_used_any_yet(tmp_path):
    young = EvidenceLife(tmp_path, ())
    exchange = young.world.exchange.lower()
    verdict = young.audit().verdict
    assert verdict.is_clean and verdict.exchanges == {exchange: "not used yet"}


def test_a_node_that_counts_more_classes_than_a_vault_can_have_is_refused(untraded):
    """None is asked for: there may be 2**256."""
    source = Path("contracts/modules/classes.vy").read_text()
    (bound,) = re.findall(r"MAX_CLASSES: constant\(uint256\) = (\d+)", source)
    assert int(bound) == MOST_CLASSES

    def counts(method, parameters, answer):
        if method == "eth_call" and parameters[0]["data"] == selector_of("class_count()"):
            return {"result": f"0x{MOST_CLASSES + 1:064x}"}
        return answer

    with pytest.raises(OddAnswer, match=r"class_count\(\): no vault has 33 classes"):
        run_audit(AuditOptions(untraded.vault), Telling(RecordingNode(untraded), counts))


USED, UNUSED, NOT_YET = "used", "not used", "not used yet"


@pytest.mark.parametrize(
    ("uses", "of_all"),
    [
        ([USED, UNUSED], None),  # another vault's is no difference
        ([NOT_YET, USED], None),
        ([UNUSED, UNUSED], UNUSED),
        ([UNUSED, NOT_YET], UNUSED),
        ([NOT_YET, NOT_YET], NOT_YET),
        ([UNUSED, None], NOT_YET),  # one was not audited: it may be where that one trades
        ([], NOT_YET),
    ],
)
def test_exchanges_of_a_factory_are_judged_over_all_vaults(uses, of_all):
    address = "0x" + "ab" * 20
    lines = tuple(
        VaultLine(address, 2 if use is None else 0, "", exchanges={address: use} if use else {})
        for use in uses
    )
    found = unused_by_all([address.upper().replace("X", "x")], lines)
    assert found == ({} if of_all is None else {address: of_all})
    result = FactoryResult(address, 1, 2, "", lines, 0.0, found)
    assert result.exit_code == (2 if None in uses else 1 if of_all == UNUSED else 0)
    schema = json.loads(Path("docs/schemas/audit-factory-1.json").read_text())
    validate(json.loads(json.dumps(result.document())), schema)
