"""What a keeper's decisions name, so that a stranger can make them again: the document of its
settings, and the views that wait to be published."""

from dataclasses import replace

from strongroom.execution.interfaces import Listener
from strongroom.keeper.assembly import Settings
from strongroom.keeper.configuration import Config
from strongroom.keeper.pack_sections import parameters_of
from strongroom.reporting.decided_views import DecidedViews
from strongroom.settings import ConfigError
from strongroom.strategy.pack_code import OURS, code_hash, libraries, pack_code
from strongroom.strategy.published import (
    NamedPack,
    SettingsDocument,
    document_hash,
    settings_document,
)

SENDS_NOTHING = ("dry-run", "paper")  # modes whose decisions nobody has to be shown


def with_grounds(config: Config, settings: Settings, salt: str, on_event: Listener) -> Settings:
    """Return settings by which decisions name their grounds, where the file has `views` and the
    mode sends something.

    Args:
        salt: the journal's

    Raises:
        ConfigError: decisions are to be private and no views are kept, or these would be public.
    """
    section = config.reporting
    if section.views is None:
        if section.reveal_within_s:
            raise ConfigError(
                "[reporting.reveal_within_s] what is revealed late is held against its views: "
                'name a folder, e.g. views = "unpublished"'
            )
        return settings
    if section.views == section.evidence:
        raise ConfigError(
            "[reporting.views] is the folder of the evidence, which everybody reads: name another"
        )
    if config.operations.mode in SENDS_NOTHING:
        return settings
    rules = replace(settings.rules, reveal_within_s=section.reveal_within_s)
    named = parameters_of(config.packs)
    packs = tuple(NamedPack(name, pack_code(name), own) for name, own in named.items())
    stated = SettingsDocument("", packs, rules, code_hash(OURS), libraries(named))
    document = settings_document(stated, salt)
    views = DecidedViews(section.views, section.evidence, document, on_event)
    return replace(
        settings,
        rules=replace(rules, settings=document_hash(document)),
        reporting=replace(settings.reporting, views=views),
    )
