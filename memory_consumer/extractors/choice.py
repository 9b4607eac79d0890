"""Which extractor a process learns with: as it is set, and as the version at hand has been learned so far."""

from memory_consumer.asking.windows import WindowExtractor
from memory_consumer.extractors import mem0, offline
from memory_consumer.extractors.model.usage import Report
from memory_consumer.learning.extractor import Extractor
from memory_consumer.profiles.writer import ProfileWriter
from memory_consumer.settings import ConsumerSettings


def chosen(settings: ConsumerSettings, built_by: str | None, report: Report) -> Extractor | WindowExtractor:
    """The extractor; `built_by` is what learned this version so far. Raises Refused where a model is set wrongly.

    Where nothing is told, a version goes on as it began: a model that is connected later, for replies, must not
    make learning stop.
    """
    if asks_a_model(settings, built_by):
        return mem0.build(settings, report)
    return offline.EXTRACTOR


def profile_writer(extractor: Extractor | WindowExtractor) -> ProfileWriter | None:
    """What writes profiles beside an extractor; None where they are chosen without a model."""
    return extractor.writer() if isinstance(extractor, mem0.Mem0Extractor) else None


def asks_a_model(settings: ConsumerSettings, built_by: str | None) -> bool:
    """Whether learning asks a language model."""
    if settings.extractor != "auto":
        return settings.extractor == "mem0"
    is_set = settings.llm_url is not None or settings.llm_provider != "openai"
    return is_set and (built_by is None or built_by.startswith("mem0-"))


def goes_on_without(settings: ConsumerSettings, built_by: str | None) -> bool:
    """Whether a model is set, but this version goes on without it."""
    return asks_a_model(settings, None) and not asks_a_model(settings, built_by)
