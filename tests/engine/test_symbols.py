"""The symbols of an index: tokens of texts and texts of tokens, without objects of Python."""

import subprocess
import sys
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import to_json

from engine.kernels.symbol_table import keyed_hash
from engine.symbols import SymbolTable

texts = st.lists(st.text(max_size=4) | st.text(min_size=30, max_size=70), max_size=30)


def learn(table: SymbolTable, symbols: list[str]) -> npt.NDArray[np.int_]:
    return table.read(to_json([symbols]).decode(), 1).tokens.astype(int)


@settings(deadline=None)
@given(st.lists(texts, max_size=4), texts)
def test_each_symbol_has_the_token_of_its_first_arrival(learned: list[list[str]], others: list[str]) -> None:
    table, tokens = SymbolTable(), dict[str, int]()
    for some in learned:
        expected = [tokens.setdefault(symbol, len(tokens)) for symbol in some]
        assert learn(table, some).tolist() == expected
    symbols = table.symbols()
    assert symbols.tokens_of([*tokens, *others]).tolist() == [tokens.get(symbol, -1) for symbol in [*tokens, *others]]
    assert [symbols[token] for token in range(len(symbols))] == list(tokens) == table.texts().strings()


def test_symbols_stay_as_they_were_when_the_table_grows() -> None:
    table = SymbolTable()
    learn(table, ["a", "b"])
    before = table.symbols()
    many = [f"symbol {number}" for number in range(1000)]
    for start in range(0, 1000, 7):
        learn(table, many[start : start + 7])
        assert before.tokens_of(["b", "a", many[0], many[start]]).tolist() == [1, 0, -1, -1]
    assert len(before) == 2
    assert table.symbols().tokens_of(many).tolist() == list(range(2, 1002))


def test_a_lone_surrogate_is_no_symbol() -> None:
    table = SymbolTable()
    learn(table, ["a", "b"])
    assert table.symbols().tokens_of(["\ud800", "b", "a\udfff", "\udc00\ud800"]).tolist() == [-1, 1, -1, -1]


def test_the_hash_is_that_of_cpython() -> None:
    """Which is SipHash-1-3, and with a seed of 0 its key is 0."""

    @numba.njit
    def hashed(data: Any, key: Any) -> Any:
        return keyed_hash(data, 0, len(data), key)

    data = [bytes(range(200, 200 + length)) for length in range(1, 40)]
    program = f"print([hash(one) & (1 << 64) - 1 for one in {data}])"
    run = subprocess.run([sys.executable, "-c", program], env={"PYTHONHASHSEED": "0"}, capture_output=True, check=True)
    call: Any = hashed
    key = np.zeros(2, dtype=np.uint64)
    assert run.stdout.decode().strip() == str([int(call(np.frombuffer(one, dtype=np.uint8), key)) for one in data])


def test_two_tables_have_different_keys() -> None:
    """Otherwise who knows the key of one could choose symbols that all belong into one place of another."""
    assert SymbolTable().symbols().key.tolist() != SymbolTable().symbols().key.tolist()
