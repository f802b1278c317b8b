"""Spelling of all that people read: British, with the field's own words in book/words.txt."""

import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import pytest

from tests.book_text.prose import COURSE, docstrings, markdown, plain, plain_docstring

spellchecker = pytest.importorskip("spellchecker", reason="pyspellchecker is not installed")
codespell = pytest.importorskip("codespell_lib", reason="codespell is not installed")

WORDS = COURSE / "book" / "words.txt"
WORD = re.compile(r"(?<![\w.@/\\-])[A-Za-zÀ-ÿ]+(?:['’][a-z]+)?(?![\w@/\\]|\.\w)")
AMERICAN_HERE = frozenset({"optimization", "practice", "practices", "program", "writable"})
"""The toolkit's own name, two nouns, a computer's program, and a word with one spelling in use."""
CODE = ("tinyml_course", "chapters", "solutions", "benchmarks", "book", "index.md", "README.md")
NAMES = "nd,statics"
"""Spelled like faults: an order of differences, and C's static variables."""


def words_of(text: str) -> Iterable[str]:
    """Yield the words of `text`, without names in capitals or with capitals inside."""
    for word in WORD.findall(text.replace("-", " ")):
        if len(word) > 2 and word[1:].islower():
            yield re.sub(r"['’]s$", "", word).replace("’", "'")


@lru_cache
def british() -> dict[str, str]:
    """Return American spelling to British, from codespell's own table."""
    table = Path(codespell.__file__).parent / "data" / "dictionary_en-GB_to_en-US.txt"
    pairs = (line.split("->") for line in table.read_text(encoding="utf-8").splitlines())
    return {
        american.strip(): here for here, known in pairs for american in known.split(",") if american
    }


@lru_cache
def dictionary() -> object:
    """Return the English dictionary without the list; British spellings belong to it."""
    known = spellchecker.SpellChecker()
    known.word_frequency.load_words(set(british().values()))
    return known


def forms(word: str) -> set[str]:
    """Return what the list may hold for `word`: itself, in lower case, or in the singular."""
    return {form.removesuffix(end) for form in (word, word.lower()) for end in ("", "s")}


def listed() -> list[str]:
    return WORDS.read_text(encoding="utf-8").split()


def faults(text: str) -> list[str]:
    """Return the words of `text` that are misspelled, or American where British differs."""
    allowed = set(listed())
    words = {word for word in words_of(text) if not forms(word) & allowed}
    unknown = {word for word in words if dictionary().unknown([word])}
    american = {
        f"{word} (here: {british()[word.lower()]})"
        for word in words
        if word.lower() in british() and word.lower() not in AMERICAN_HERE
    }
    return sorted(unknown | american)


@lru_cache
def texts() -> tuple[tuple[str, str], ...]:
    """Return (place, prose) of pages, text cells and docstrings."""
    read = [(path, part, plain(text)) for path, part, text in markdown()]
    read += [(path, part, plain_docstring(text)) for path, part, text in docstrings()]
    return tuple((f"{path.relative_to(COURSE)}: {part}", text) for path, part, text in read)


def test_every_word_is_spelled_right():
    """Pages, text cells and docstrings hold known words only; new terms go into book/words.txt."""
    found = [f"{place}: {word}" for place, text in texts() for word in faults(text)]
    assert [] == found


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("The netwrok learns.", "netwrok"),
        ("Its color is blue.", "color (here: colour)"),
        ("A [quantised](x.md) layre.", "layre"),
        ("We normalize it.", "normalize (here: normalise)"),
    ],
)
def test_a_planted_fault_is_found(text, fault):
    """A misspelled word and an American spelling are named, in a link as well."""
    assert fault in faults(plain(text))


def test_code_formulas_and_addresses_are_no_prose():
    """What stands in code, in a formula or in an address is not spelled."""
    text = "A `netwrok`, $layre$, ![x](colr.png).\n\n```\nteh\n```\n\n    teh layre\n\nEnd."
    assert [] == faults(plain(text))


def test_the_word_list_is_sorted_and_each_word_is_needed():
    """The list has each word once, in order, and none that the texts or the dictionary spare."""
    words = listed()
    assert sorted(set(words), key=lambda word: (word.lower(), word)) == words
    if not (COURSE / "solutions").is_dir():
        pytest.skip("a class's copy lacks the solutions, whose words are listed")
    used = {word for _, text in texts() for word in words_of(text)}
    used = {form for word in used for form in forms(word)}
    assert [] == [word for word in words if word not in used or not dictionary().unknown([word])]


def test_no_common_misspelling_stands_in_the_code():
    """Comments, strings and names hold none of codespell's misspellings."""
    folders = [str(COURSE / name) for name in CODE if (COURSE / name).exists()]
    skip = "*.tflite,*.csv,*.json,*.jsonl,*.svg,*.js,*/__pycache__/*,*/.ipynb_checkpoints/*"
    options = ["--quiet-level", "3", "--skip", skip, "--ignore-words-list", NAMES]
    assert 0 == codespell.main(*options, *folders)


def test_a_planted_misspelling_in_code_is_found(tmp_path):
    """The second check can fail as well."""
    (tmp_path / "a.py").write_text("# recieve " + "the bytes\n")
    assert 0 != codespell.main(str(tmp_path))
