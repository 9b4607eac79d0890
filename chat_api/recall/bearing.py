"""Whether rows bear out what was learned from them: the one check that everything recalled has to pass. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from chat_api.messages import Message, suppresses
from memory_store.models import SourceRef


def bearing(
    rows: Mapping[int, Message], sources: Sequence[SourceRef], facts: Iterable[tuple[str, str]]
) -> tuple[Message, ...]:
    """The rows of all sources; none where one is gone, says something else now, or suppresses one of the facts.

    Facts are told by extractor and hash. What rests on no source is borne out by nothing.
    """
    found = tuple(rows[each.message_id] for each in sources if _says_the_same(rows.get(each.message_id), each))
    named = tuple(facts)
    if len(found) != len(sources) or any(suppresses(row.suppressed, *each) for row in found for each in named):
        return ()
    return found


def _says_the_same(row: Message | None, source: SourceRef) -> bool:
    return row is not None and row.revision == source.revision
