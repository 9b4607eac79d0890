"""docs/metrics.md says what the metrics are."""

from tests.docs import metrics_table
from tests.docs.pages import ROOT


def test_the_page_is_as_it_is_made() -> None:
    page = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")

    assert metrics_table.page() == page, "python -m tests.docs.metrics_table > docs/metrics.md"
