"""Words that the notebooks introduce stand in the glossary, sources in the bibliography."""

import re

import pytest

from tests.book_text.prose import COURSE, docstrings, links, markdown, plain
from tinyml_course.bookbuild.crosslinks import find_term

GLOSSARY = COURSE / "book" / "glossary.md"
BIBLIOGRAPHY = (COURSE / "book" / "references.bib").read_text(encoding="utf-8")
BOLD = re.compile(r"\*\*([a-zA-Z][^*\n]{0,40}?)\*\*")
ENTRY = re.compile(r"^@\w+\{(\w+),\n(.*?)^\}", re.MULTILINE | re.DOTALL)
STRESSED = """
alone, at most, at most half a step, beyond, bits unused, compression-generalisation trade-off,
cut off, float, if, is, least squares, limit, new first weights, no, on the same input, one,
one scale, one scale a channel, random mask, real gestures, root of the sum of squares, share,
signal, stored in a whole byte, symmetrically, the same answer, variable, worst
"""
"""Bold for its weight in the sentence, or explained where it stands; no term of the course."""
PLAIN = frozenset(" ".join(STRESSED.split()).split(", "))
PUBLISHED = re.compile(r"\barXiv:\d|\b[A-Z][a-z]+(?: and [A-Z][a-z]+| et al\.),? \(?(?:19|20)\d\d")


def terms() -> list[str]:
    text = GLOSSARY.read_text(encoding="utf-8").partition("```{glossary}")[2].partition("```")[0]
    return re.findall(r"^\S.*$", text, re.MULTILINE)


def introduced() -> dict[str, str]:
    """Return word to place, for each bold word of the chapters that is no sentence or label."""
    found = {}
    for path, cell, text in markdown():
        if "chapters" in path.parts and path.suffix == ".ipynb":
            for word in BOLD.findall(plain(text)):
                if word[-1] not in ".:?!" and word != "Predict" and len(word.split()) < 6:
                    found.setdefault(word, f"{path.name}: {cell}")
    return found


def test_every_bold_word_is_explained():
    """A new term needs an entry in book/glossary.md; mere stress stands in this file's list."""
    missing = {
        word: place
        for word, place in introduced().items()
        if word.casefold() not in PLAIN and find_term(word, terms()) is None
    }
    assert {} == missing
    assert len(introduced()) > 30


def test_the_glossary_is_in_order_and_says_something_of_each_term():
    """Terms stand in alphabetical order, each with a sentence; synonyms share theirs."""
    text = GLOSSARY.read_text(encoding="utf-8").partition("```{glossary}\n")[2].partition("```")[0]
    blocks = [block.split("\n") for block in text.strip().split("\n\n")]
    heads = [block[0].casefold().replace("-", " ") for block in blocks]
    assert sorted(heads) == heads
    assert [] == [block[0] for block in blocks if len(" ".join(block[1:])) < 15]
    assert len(set(terms())) == len(terms())


def papers() -> dict[str, str]:
    return dict(ENTRY.findall(BIBLIOGRAPHY))


def cited() -> set[str]:
    """Return the keys that pages and notebooks link to."""
    pattern = re.compile(r"bibliography\.md#(\w+)$")
    found = [pattern.search(to) for _, _, text in markdown() for _, to in links(text)]
    return {match[1] for match in found if match}


def is_named_in_code(entry: str) -> bool:
    """Whether a docstring names the paper, by its arXiv number or by author and year."""
    number = re.search(r"arXiv:([\d.]+\d)", entry)
    author = re.search(r"author = \{+([^,}]+)", entry)[1]
    year = re.search(r"year = \{(\d+)\}", entry)
    return any(
        (number and number[1] in text) or (author in text and year and year[1] in text)
        for _, _, text in docstrings()
    )


def test_every_source_is_referred_to():
    """Each entry of the bibliography is cited by a page or a notebook, or named by a docstring."""
    unused = [key for key, entry in papers().items()
              if key not in cited() and not is_named_in_code(entry)]  # fmt: skip
    assert [] == unused
    assert cited() <= set(papers())
    assert len(cited()) > 20


def test_every_arxiv_number_in_a_docstring_is_in_the_bibliography():
    """What the code follows can be looked up."""
    numbers = {number for _, _, text in docstrings()
               for number in re.findall(r"arXiv:(\d+\.\d+)", text)}  # fmt: skip
    assert [] == sorted(number for number in numbers if number not in BIBLIOGRAPHY)


@pytest.mark.parametrize("field", ["author", "title"])
def test_every_source_is_complete(field):
    """Each entry says who and what; all but documents that are kept up to date say when."""
    assert [] == [key for key, entry in papers().items() if f"  {field} = " not in entry]
    undated = {key for key, entry in papers().items() if "  year = " not in entry}
    assert undated <= {"espressif_datasheet", "espressif_idf", "warden"}


def test_a_paper_named_in_a_notebook_is_a_link():
    """An author with a year, or an arXiv number, leads to the bibliography."""
    bare = [
        (path.name, cell, match[0])
        for path, cell, text in markdown()
        if path.suffix == ".ipynb" and "chapters" in path.parts
        for match in PUBLISHED.finditer(re.sub(r"\[[^\]]*\]\([^)]*\)", "", text))
    ]
    assert [] == bare


@pytest.mark.parametrize(
    "text", ["(arXiv:1902.08153)", "Esser et al., 2020", "Cover and Thomas (1991"]
)
def test_a_bare_citation_is_found(text):
    """The pattern above knows the usual forms."""
    assert PUBLISHED.search(text)
