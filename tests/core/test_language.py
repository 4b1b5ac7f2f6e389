"""Which language an answer is in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalcraft.core.language import Language, preferred


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("ko", "ko"),
        ("KO-kr", "ko"),
        ("en, ko", "en"),
        ("ko, en", "ko"),
        ("en;q=0.5, ko;q=0.6", "ko"),
        ("ko;q=0", "en"),
        ("fr, ko;q=0.1", "ko"),
        ("fr, *", "en"),
        ("kok", "en"),
        ("ko;q=nan", "en"),
        ("ko;q=x, en", "en"),
    ],
)
def test_the_preferred_one_that_we_speak(header, language):
    assert preferred(header) == language


@given(st.text(max_size=400))
def test_no_header_is_too_strange(header):
    assert preferred(header) in set(Language)
