"""The checks of what a keeper's file takes prices from beside the venue: forecasters, with keys,
files, services, record and weight, and market makers' pools."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from strongroom.chain.ids import Json
from strongroom.chain.rpc import Chain
from strongroom.errors import StrongroomError
from strongroom.execution.venues.pools import read_pools
from strongroom.information.pairs import load_pairs
from strongroom.keeper.configuration import Config, ForecasterSection
from strongroom.keeper.forecasters import make_forecaster
from strongroom.keeper.radar import venues_of
from strongroom.keeper.status import NoJournal, grade_forecasters
from strongroom.keeper.wiring import pool_market
from strongroom.payments.configuration import load as load_buyer
from strongroom.setup.checks import TIMEOUT_S, Check, CheckState
from strongroom.setup.keeper_checks import answering, secret_checks


def forecaster_checks(config: Config) -> Iterator[Check]:
    """Check each forecaster: that it can be made and asked, its record, and who heeds it. Nothing
    is asked that costs money."""
    if not config.forecasters:
        return
    chain = Chain(config.chain.rpc_url, TIMEOUT_S)
    records = _records(config)
    for each in config.forecasters:
        what = f"forecaster {each.name}"
        if each.kind in ("llm", "paid") and not _is_on(each):
            words = "off: it is asked for nothing"
            yield Check(what, CheckState.NOTE, words, "enabled = true, if it shall be asked")
            continue
        try:
            yield from _source(what, each, config, chain)
        except StrongroomError as error:
            yield Check(what, CheckState.WRONG, str(error), "correct [[forecasters]]")
        yield _heeded(what, each, config.packs, records)


def unknown_sources(config: Config) -> Iterator[Check]:
    """Say which names in the packs' weights and sources are no forecaster: they move nothing."""
    known = {each.name for each in config.forecasters}
    for pack, section in config.packs.items():
        for parameter in ("weights", "sources"):
            for name in _names(section.get(parameter)):
                if name not in known:
                    words = f"[packs.{pack}.{parameter}] {name} is no forecaster of this file"
                    cure = "correct one of the two names, or nothing moves by it"
                    yield Check("packs", CheckState.NOTE, words, cure)


def pool_checks(config: Config) -> Iterator[Check]:
    """Check that each pool is one, of the condition that the file says, and has something."""
    if not config.venue.pools:
        return
    chain = Chain(config.chain.rpc_url, TIMEOUT_S)
    for each in config.venue.pools:
        what = f"pool {each.address}"
        try:
            pool_market(chain, each)
            (found,) = read_pools(chain, [each.address])
        except StrongroomError as error:
            yield Check(what, CheckState.WRONG, str(error), "correct [[venue.pools]]")
            continue
        if all(found.reserves):
            yield Check(what, CheckState.OK, "answers, and holds both outcomes")
        else:
            yield Check(what, CheckState.NOTE, "holds nothing: nobody can trade there")


def _is_on(section: ForecasterSection) -> bool:
    return section.enabled and (section.kind != "paid" or "enabled" in section.model_fields_set)


def _source(what: str, section: ForecasterSection, config: Config, chain: Chain) -> Iterator[Check]:
    """Try one source, as far as that is free.

    Raises:
        StrongroomError: it cannot be used.
    """
    match section.kind:
        case "paid":
            yield from _wallet(what, section)
        case "llm" | "http":
            make_forecaster(section, config, chain)
            yield answering(what, section.url)
        case "reference":
            make_forecaster(section, config, chain)
            yield from _pairs(what, section.path or Path())
        case _:  # a file: it is read
            make_forecaster(section, config, chain).forecast((), chain.now())
            yield Check(what, CheckState.OK, f"{section.path} can be read")


def _wallet(what: str, section: ForecasterSection) -> Iterator[Check]:
    """Check the buyer's file of what is paid for; nothing is bought, and no wallet opened."""
    if not section.url or section.path is None:
        yield Check(what, CheckState.WRONG, "has no `url`, or no `path`: the wallet's file", "both")
        return
    wallet = load_buyer(section.path).wallet
    yield from secret_checks([wallet.keystore])
    if not os.environ.get(wallet.passphrase_env):
        yield Check(what, CheckState.NOTE, f"{wallet.passphrase_env} is not set here",
                    f"export {wallet.passphrase_env}=... where the keeper runs")  # fmt: skip
    yield answering(what, section.url)


def _pairs(what: str, path: Path) -> Iterator[Check]:
    """Ask each venue of a file of pairs for the rules of one market."""
    pairs = load_pairs(path)
    for name, venue in venues_of(pairs).items():
        market = next((each.market for each in pairs.pairs if each.venue == name), None)
        if market is None:
            yield Check(what, CheckState.NOTE, f"{path} has no pair of {name}")
            continue
        try:
            venue.rules(market)
        except StrongroomError as error:
            cure = "wait for it, or correct its URL in the pairs"
            yield Check(what, CheckState.WRONG, str(error), cure)
        else:
            yield Check(what, CheckState.OK, f"{name} answers")


def _records(config: Config) -> Mapping[str, str]:
    """Return what the journal says of each forecaster's record."""
    try:
        found = grade_forecasters(config)
    except NoJournal:
        return {}
    return {each.source: "graduated" if each.graduated else each.why for each in found}


def _heeded(
    what: str, section: ForecasterSection, packs: Mapping[str, Mapping[str, Json]],
    records: Mapping[str, str],
) -> Check:  # fmt: skip
    """Say whether a source's word may move anything, and who heeds it."""
    parameter = "sources" if section.signal else "weights"
    heeds = [name for name, its in packs.items() if section.name in _names(its.get(parameter))]
    if not heeds:
        words = "no pack heeds it: it is recorded, and moves nothing"
        return Check(what, CheckState.NOTE, words, f"name it in `{parameter}` of a pack")
    who = ", ".join(heeds)
    if section.signal:
        return Check(what, CheckState.OK, f"a signal for {who}")
    record = records.get(section.name, "no forecast of it has resolved yet")
    state = CheckState.OK if record == "graduated" else CheckState.NOTE
    return Check(what, state, f"{who} weighs it; record: {record}")


def _names(parameter: Json) -> list[str]:
    """Return the sources that a pack's parameter names with something to say."""
    if isinstance(parameter, dict):
        return [name for name, weight in parameter.items() if weight]
    return [str(each) for each in parameter] if isinstance(parameter, list) else []
