"""Pattern names (engine.md 4.2)."""

import sys
import unicodedata
from hashlib import sha1

import pytest

from engine.naming import bare_name, canonical_text, pattern_name
from engine.unicode13 import is_printable

TABLE = [
    ([["A"], ["B"], ["C"]], "5b93697e1e591a765dd0b3c91ae7b57fa44589d9"),
    ([["a", "b"], ["c"]], "e9e43f2309079f2843665ab773996d99489306d6"),
    ([["b", "a"], ["c"]], "68964dc74498bf340ffa01064a0f86e48c50eda2"),
    ([["a", "a", "b"]], "a7851e43de48e6ce7a1ad870b35275b580afde74"),
    ([["a", "a"], ["b"]], "5b2e2617d4e65ece719b41ff53883835e534e5ef"),
    ([["10", "9"], ["2"]], "80ff15bd445009a891a33c0cf8710f5195db8cff"),
    ([["école", "日本"], ["😀"]], "ecb4ab08957bc4e7f95b18fbdf55bf77ad6e0825"),
    ([["it's"], ['say "hi"'], ["both'\""]], "51df674ee77f16c6028dd5dcdf71b4aa94b5e977"),
    ([["back\\slash", "line\nfeed", "tab\t"]], "674f33937feebd4f1aa9f07a0ba6b24e7d5066e3"),
    ([["\u200b", "\xa0", "\x7f", "\u0378", "e\u0301"]], "49704c764533bb4bc35c615134ead71745546eb5"),
    ([[""], [""]], "57f0f10bbb89e2914db123c065e3319da26385c2"),
    ([["VCTR|9d58821e286eae6a77923d694a12ede7cbeabfbd", "cat"], ["dog"]], "c7f14d07cddd51f49563b40e4c48873b9a26e9b3"),
]


@pytest.mark.parametrize(("events", "name"), TABLE)
def test_the_names_of_the_specification(events: list[list[str]], name: str) -> None:
    assert pattern_name(events) == name


def test_printability_is_that_of_unicode_13() -> None:
    # The digest is that of str.isprintable in Python 3.10.
    table = bytes(chr(c).isprintable() if c < 0x80 else is_printable(chr(c)) for c in range(sys.maxunicode + 1))
    assert sha1(table).hexdigest() == "1ac37631a09a9f7368fd92a48803972ebcd4b231"


def test_characters_assigned_after_unicode_13_stay_escaped() -> None:
    newer = "\u061d"  # ARABIC END OF TEXT MARK, Unicode 14
    assert unicodedata.category(newer) == "Po"
    assert canonical_text(newer) == "'\\u061d'"


def test_canonical_texts_are_like_pythons_own_where_unicode_versions_agree() -> None:
    texts = ["\x00\x1f \t\r\n\\", "'", '"', "'\"", "\x7f\x80\xad\xff", "\ud800", "\U000e0001\U0001f600", "\u2028"]
    assert canonical_text([texts, []]) == repr([texts, []])


def test_a_prefix_is_optional() -> None:
    assert bare_name("PTRN|abc") == bare_name("abc") == "abc"
