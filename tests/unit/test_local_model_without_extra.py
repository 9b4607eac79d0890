"""A local model is asked for, and the packages that it needs are not there."""

import importlib.util

import pytest

from memory_store.embedders.local_model import LocalModel
from memory_store.errors import Refused
from memory_store.settings import EmbedderSettings


@pytest.mark.skipif(
    importlib.util.find_spec("sentence_transformers") is not None, reason="The extra is installed here."
)
def test_a_missing_extra_is_named_with_the_line_that_installs_it() -> None:
    settings = EmbedderSettings(embedder="sentence-transformers", embedder_model="some-model")

    with pytest.raises(Refused, match=r"pip install -e '\.\[sentence-transformers\]'"):
        LocalModel(settings)
