"""Whose memory a completion is about, and which conversation. Pure."""

from urllib.parse import unquote

from pydantic import TypeAdapter, ValidationError

from chat_api.auth.callers import Caller
from chat_api.errors import Invalid
from chat_api.fields import Identifier

_IDENTIFIER: TypeAdapter[str] = TypeAdapter(Identifier)


def owner(caller: Caller, user: object, header: str | None, *, admin_trusted: bool) -> str:
    """The user that the key is bound to; else `user` of the request; else the one that a trusted header names.

    A tenant's users are told from others' by their prefix, which the header does not have. Raises Invalid where
    nobody is named, Forbidden where the key may not name them.
    """
    if caller.kind == "user" and caller.bound_to is not None:
        return caller.named(caller.bound_to)
    if isinstance(user, str) and user:
        return caller.named(_identifier(user, "user"))
    if header and (caller.trusts_user_header or (caller.kind == "admin" and admin_trusted)):
        named = f"{caller.bound_to}/{header}" if caller.kind == "tenant" else header
        return caller.named(_identifier(named, "X-OpenWebUI-User-Id"))
    raise Invalid(
        "user: must say whose memory this is about, as this key is not bound to a user. Send `user`, or have the"
        " header X-OpenWebUI-User-Id trusted; `store: false` answers without any memory."
    )


def conversation(named: str | None, chat_id: str | None) -> str | None:
    """The conversation that a header names; None where it is found by the history. Raises Invalid."""
    if named:
        return _identifier(unquote(named), "X-Oboegaki-Conversation")
    return _identifier(chat_id, "X-OpenWebUI-Chat-Id") if chat_id else None


def _identifier(value: str, where: str) -> str:
    try:
        return _IDENTIFIER.validate_python(value)
    except ValidationError as exc:
        raise Invalid(f"{where}: must hold between one and 255 characters.") from exc
