"""`oboegaki rebuild`: the memories deleted while oboegaki is stopped; its next start files them anew."""

from contextlib import ExitStack

from rich.console import Console

from memory_consumer.extractors.choice import chosen
from memory_consumer.extractors.model.usage import Tally
from memory_consumer.opening import version_so_far
from memory_store.embedders.opening import opened
from memory_store.errors import OwnedElsewhere
from memory_store.layout import layout_of
from memory_store.opening import opened_store
from oboegaki.errors import CommandError
from oboegaki.instance import Instance
from oboegaki.opening import opened_version
from oboegaki.remedies import remedies
from oboegaki.running import brought_up


def rebuild(instance: Instance, console: Console) -> None:
    """Deletes the memories, so that the next start files them anew from what was learned; safe to repeat.

    Raises CommandError while a process owns the store, and Transient while one files into it: nothing is changed
    then. Raises Refused, LearnedOtherwise and StoreError as a start does.
    """
    home = instance.stack.home
    with ExitStack() as parts:
        embedder = parts.enter_context(opened(instance.embedder, home))
        try:
            store = parts.enter_context(opened_store(instance.store, home, layout_of(embedder)))
        except OwnedElsewhere as exc:
            stop = remedies(containers=instance.stack.containers).stop
            raise CommandError(f"oboegaki runs here, so its memories are in use. Stop it first: {stop}.") from exc
        parts.enter_context(brought_up(instance, console))
        known = version_so_far(instance.consumer)
        extractor = chosen(instance.consumer, None if known is None else known.extractor, Tally())
        opened_version(instance, store, known, extractor=extractor.version, embedder=embedder.name, rebuild=True)
    console.print("The memories are empty now. The next start of oboegaki files them anew from what was learned.")
