"""Keys: make, list, revoke. For admins."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from chat_api.auth.callers import Caller
from chat_api.auth.keys import ApiKey
from chat_api.fields import Identifier
from chat_api.parts import Called, Wired, admin_only
from chat_api.web.answers.keys import KeyMadeOut, KeyOut, KeysOut
from chat_api.web.requests.keys import KeyIn, KeysQuery

router = APIRouter(prefix="/v1/admin/keys", tags=["administration"], dependencies=[Depends(admin_only)])


@router.post("", summary="Make a key", status_code=201)
def create(parts: Wired, caller: Called, body: KeyIn) -> KeyMadeOut:
    """Its text is in this answer and nowhere else."""
    key, text = parts.keys.create(body.new(parts.clock()))
    _note(caller, key)
    return KeyMadeOut(**KeyOut.of(key).model_dump(), key=text)


@router.get("", summary="List the keys")
def listed(parts: Wired, query: Annotated[KeysQuery, Query()]) -> KeysOut:
    """By their ids, the revoked and the expired ones too; never their texts."""
    found = parts.keys.listed(limit=query.limit, after=query.after)
    return KeysOut(
        keys=[KeyOut.of(key) for key in found],
        after=found[-1].key_id if len(found) == query.limit else None,
    )


@router.delete("/{key_id}", summary="Revoke a key")
def revoke(
    parts: Wired,
    caller: Called,
    key_id: Annotated[Identifier, Path(description="As the list has it; not its text.")],
) -> KeyOut:
    """This process refuses it from now on, others five seconds later at most. It stays in the list."""
    key = parts.keys.revoke(key_id)
    _note(caller, key)
    return KeyOut.of(key)


def _note(caller: Caller, key: ApiKey) -> None:
    """Which key it was and whose, for the audit log."""
    caller.about["key_id"] = key.key_id
    if key.bound_to is None:
        return
    if key.kind == "user":
        caller.named(key.bound_to)
    else:
        caller.about[key.kind] = key.bound_to
