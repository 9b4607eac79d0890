"""The one seam for what goes wrong between us and a language model's server. Pure.

Each provider's library brings errors of its own; alike in all of them is the status of an HTTP answer. A wrong key
or model does not get better by waiting, yet is transient here: it is the operator's to mend, and no message may be
lost to it meanwhile. Only what is about one request alone makes that request invalid.
"""

from collections.abc import Mapping
from datetime import timedelta

from memory_consumer.errors import Busy, Invalid, LearningError, Transient

_BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 400, 401, 403, 404
_TOO_LARGE, _UNPROCESSABLE, _TOO_MANY = 413, 422, 429
_FIRST_SERVER_ERROR = 500
_LONGEST_WAIT_S = 3600.0

_REMEDIES = {
    _BAD_REQUEST: ": it refuses requests such as ours. Check OBOEGAKI_LLM_MODEL and how the server is set up.",
    _UNPROCESSABLE: ": it refuses requests such as ours. Check OBOEGAKI_LLM_MODEL and how the server is set up.",
    _UNAUTHORIZED: ": it does not accept the key. Check OBOEGAKI_LLM_API_KEY.",
    _FORBIDDEN: ": it does not accept the key. Check OBOEGAKI_LLM_API_KEY.",
    _NOT_FOUND: ": it does not know the model, or there is no such address. Check OBOEGAKI_LLM_MODEL and"
    " OBOEGAKI_LLM_URL.",
}

#: What reading a body raises that is no completion.
_GARBLED = (AttributeError, IndexError, KeyError, TypeError, ValueError)


def status_of(error: Exception) -> int | None:
    """The status of the HTTP answer that an error stands for, if any."""
    status = getattr(error, "status_code", None)
    return status if isinstance(status, int) else None


def translated(error: Exception, *, seconds: float, has_answered: bool) -> LearningError:
    """The error as the caller knows it; `has_answered` says that the server has taken a request of ours before.

    No error text of the server is passed on: some quote the request.
    """
    status = status_of(error)
    if status is not None and status >= _BAD_REQUEST:
        return _of_status(status, error, has_answered=has_answered)
    if "timeout" in type(error).__name__.lower():
        return Transient(
            f"The language model did not answer within {seconds:g} s. A slow machine needs a longer"
            " OBOEGAKI_ASK_TIMEOUT."
        )
    if status is not None or isinstance(error, _GARBLED):
        return Transient("The language model's server sent something that is no answer. Check OBOEGAKI_LLM_URL.")
    return Transient(
        f"The language model's server cannot be reached, or broke off ({type(error).__name__}). Start it, or check"
        " OBOEGAKI_LLM_URL."
    )


def _of_status(status: int, error: Exception, *, has_answered: bool) -> LearningError:
    told = f"The language model's server answered {status}"
    after = _retry_after(error)
    if after is not None and (status == _TOO_MANY or status >= _FIRST_SERVER_ERROR):
        return Busy(f"{told} and asks to wait.", after)
    # One that has never taken a request of ours may be set up wrongly, which must cost no message.
    if status == _TOO_LARGE or (has_answered and status in (_BAD_REQUEST, _UNPROCESSABLE)):
        return Invalid(f"{told}: it refuses these messages, perhaps as too long for the model's context.")
    return Transient(f"{told}{_REMEDIES.get(status, '. It is tried again later.')}")


def _retry_after(error: Exception) -> timedelta | None:
    """Seconds of the header Retry-After, at most an hour; its other form, a date, is not read."""
    headers = getattr(getattr(error, "response", None), "headers", None)
    told = headers.get("retry-after", "") if isinstance(headers, Mapping) else ""
    return timedelta(seconds=min(float(told), _LONGEST_WAIT_S)) if told.isdecimal() else None
