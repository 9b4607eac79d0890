"""Learning by a language model through Mem0: its providers, its prompt or a compact one of ours, its parsing."""

import hashlib
import inspect
import re
import time
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import openai

from memory_consumer.asking.windows import Found, Window
from memory_consumer.errors import Refused
from memory_consumer.extractors.model import mem0_parts, profile_prompt, prompt
from memory_consumer.extractors.model.answer import drafts
from memory_consumer.extractors.model.client import Heard, Model
from memory_consumer.extractors.model.compact import FOR_MEM0
from memory_consumer.extractors.model.grounding import found, without_doubles
from memory_consumer.extractors.model.mem0_parts import Mem0Parts
from memory_consumer.extractors.model.prompt import Prompt, Prompting
from memory_consumer.extractors.model.slices import slices
from memory_consumer.extractors.model.usage import Report
from memory_consumer.profiles.record import Line
from memory_consumer.profiles.writer import Item
from memory_consumer.records.facts import LEARNED_ROLES
from memory_consumer.settings import ConsumerSettings
from memory_store.when import dated

#: Counts up with every change to prompts, parsing or grounding that changes what is learned.
FORMAT = 2

_MOST_NAME = 40
_PLAIN = re.compile(r"[A-Za-z0-9._-]+")
_UNPLAIN = re.compile(r"[^A-Za-z0-9._-]")
_CONNECT_S = 5.0
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class ModelProfileWriter:
    """Writes profiles by asking a model once for each."""

    def __init__(self, model: Model, extractor: str, cleaned: Callable[[str], str]) -> None:
        self._author = f"profile-{profile_prompt.FORMAT}-{extractor}"
        self._model = model
        self._cleaned = cleaned

    @property
    def author(self) -> str:
        """`profile-<format>-<extractor>`."""
        return self._author

    def write(self, items: Sequence[Item]) -> tuple[Line, ...]:
        """The lines of a profile, each resting on items. Raises Transient, and Invalid for what cannot be used."""
        return profile_prompt.lines(self._model.ask(profile_prompt.prompt(items)), items, self._cleaned)


class Mem0Extractor:
    """Finds facts by asking a model once for each window, more often only where one is too long for a call."""

    def __init__(
        self,
        model: Model,
        prompting: Prompting,
        *,
        version: str,
        cleaned: Callable[[str], str],
        close: Callable[[], None],
    ) -> None:
        self._model = model
        self._prompting = prompting
        self._version = version
        self._cleaned = cleaned
        self._close = close

    @property
    def version(self) -> str:
        """`mem0-<format>-<prompt>-<model>`."""
        return self._version

    def extract(self, window: Window) -> tuple[Found, ...]:
        """The facts of a window, in order; none is an answer too.

        Raises Transient where the model is away or asks to wait (Busy), Invalid where its answer cannot be used.
        """
        return without_doubles(fact for part in slices(window) for fact in self._found(part))

    def _found(self, window: Window) -> tuple[Found, ...]:
        if not any(turn.role in LEARNED_ROLES for turn in window.turns):
            # Nothing can be learned from what the assistant alone says, so nobody is asked.
            return ()
        return found(drafts(self._model.ask(self._prompting(window)), self._cleaned), window, dated)

    def writer(self) -> ModelProfileWriter:
        """What writes profiles with the same model."""
        return ModelProfileWriter(self._model, self._version, self._cleaned)

    def close(self) -> None:
        """Ends its connections."""
        self._close()


def build(
    settings: ConsumerSettings, report: Report, *, timer: Callable[[], float] = time.perf_counter
) -> Mem0Extractor:
    """The extractor of the settings. `report` is told of every call. Raises Refused where they do not fit."""
    if settings.llm_provider == "openai" and settings.llm_url is None:
        raise Refused("Learning with a language model needs its address: set OBOEGAKI_LLM_URL.")
    parts = mem0_parts.load()
    heard = Heard()
    llm = _llm(parts, settings)
    _bound(llm, settings, heard)
    model = Model(
        llm,
        heard,
        # Mem0's provider for LM Studio asks for JSON by itself unless it is told otherwise.
        plain={"type": "text"} if settings.llm_provider == "lmstudio" else None,
        seconds=settings.ask_timeout.total_seconds(),
        report=report,
        timer=timer,
        at_once=settings.ask_concurrency,
    )
    return Mem0Extractor(
        model,
        mem0s(parts) if settings.extract_prompt == "mem0" else prompt.compact,
        version=version(settings),
        cleaned=parts.cleaned,
        close=getattr(llm.client, "close", lambda: None),
    )


def version(settings: ConsumerSettings) -> str:
    """The name of the behaviour that settings ask for: short, and of characters that logs and names take."""
    model = re.sub(r"[:/]", "-", settings.llm_model)
    if len(model) > _MOST_NAME or not _PLAIN.fullmatch(model):
        digest = hashlib.sha256(settings.llm_model.encode()).hexdigest()[:8]
        model = f"{re.sub(_UNPLAIN, '', model)[-_MOST_NAME:]}-{digest}"
    return f"mem0-{FORMAT}-{settings.extract_prompt}-{model}"


def _llm(parts: Mem0Parts, settings: ConsumerSettings) -> Any:  # noqa: ANN401  Mem0 ships no types
    """Mem0's provider. Raises Refused where it does not exist, is not installed, or takes no address."""
    provider = settings.llm_provider
    known = parts.llms.provider_to_class
    if provider not in known:
        raise Refused(
            f"Mem0 has no provider {provider}. OBOEGAKI_LLM_PROVIDER is one of {', '.join(sorted(known))}."
        )
    config = {
        "model": settings.llm_model,
        "api_key": settings.llm_api_key.get_secret_value(),
        "max_tokens": settings.extract_answer_tokens,
        **_address(known[provider][1], settings),
    }
    try:
        return parts.llms.create(provider, config)
    except ImportError as exc:
        raise Refused(
            f"Mem0's provider {provider} needs a package that is not installed ({exc.name or provider}). Install"
            " it, or use OBOEGAKI_LLM_PROVIDER=openai with an address that ends in /v1."
        ) from exc


def _address(config: type, settings: ConsumerSettings) -> dict[str, str]:
    if settings.llm_url is None:
        return {}
    names = [name for name in inspect.signature(config).parameters if name.endswith("_base_url")]
    taken = [name for name in names if not name.startswith("openrouter")]
    if not taken:
        # It would send what was said to wherever its library does by default.
        raise Refused(
            f"Mem0's provider {settings.llm_provider} takes no address, so OBOEGAKI_LLM_URL would not be asked."
            " Use OBOEGAKI_LLM_PROVIDER=openai."
        )
    url = settings.llm_url.rstrip("/")
    return {taken[0]: url.removesuffix("/v1") if settings.llm_provider == "ollama" else url}


def _bound(llm: Any, settings: ConsumerSettings, heard: Heard) -> None:  # noqa: ANN401  Mem0 ships no types
    """Holds the provider's client to our address, key and time-out, and makes it say what it received."""
    seconds = settings.ask_timeout.total_seconds()
    if isinstance(llm.client, openai.OpenAI):
        # Address and key once more: where OPENROUTER_API_KEY is in the environment, Mem0 has taken that service.
        llm.client = llm.client.with_options(
            base_url=settings.llm_url or llm.client.base_url,
            api_key=settings.llm_api_key.get_secret_value(),
            timeout=openai.Timeout(seconds, connect=_CONNECT_S),
            max_retries=0,
            http_client=openai.DefaultHttpxClient(
                event_hooks={"response": [heard]},
                # A proxy of the environment is for what is elsewhere.
                trust_env=not _is_local(settings.llm_url),
            ),
        )
    elif hasattr(llm.client, "with_options"):
        llm.client = llm.client.with_options(timeout=seconds, max_retries=0)
    else:
        raise Refused(
            f"Mem0's provider {settings.llm_provider} cannot be given a time-out, and a call that hangs would stop"
            " learning. Use OBOEGAKI_LLM_PROVIDER=openai with an address that ends in /v1."
        )


def _is_local(url: str | None) -> bool:
    return url is not None and urlsplit(url).hostname in _LOOPBACK


def mem0s(parts: Mem0Parts) -> Prompting:
    """Mem0's own prompt, told what it does not know by itself."""

    def prompting(window: Window) -> Prompt:
        said_on = prompt.local_dates(window.turns)
        user = parts.user_prompt(
            existing_memories=[
                {"id": str(number), "text": prompt.memory_line(known)} for number, known in enumerate(window.known)
            ],
            new_messages=prompt.numbered(window.turns),
            last_k_messages=[{"role": turn.role, "content": turn.text} for turn in window.before],
            # Both by the messages: history that is replayed keeps its dates, and gives the same prompt again.
            current_date=said_on,
            timestamp=said_on,
            custom_instructions=FOR_MEM0,
            use_input_language=True,
        )
        return Prompt(parts.system_prompt, user)

    return prompting
