"""Sphinx extension: formulas as MathML, written at build time, so that no page fetches a script."""

from __future__ import annotations

from typing import Any


def to_mathml(tex: str, *, display: bool = False) -> str:
    """Return `tex` as a MathML element, which screen readers read as a formula.

    Parameters
    ----------
    tex : str
        LaTeX of one formula, without dollar signs.
    display : bool
        Whether it stands on a line of its own.

    Returns
    -------
    str
        One ``<math>`` element.

    References
    ----------
    .. [1] MathML Core, W3C, section 2.1: browsers show it without a script.
    """
    from latex2mathml.converter import convert

    return str(convert(tex, display="block" if display else "inline"))


def visit_inline(translator: Any, node: Any) -> None:
    """Write an inline formula."""
    from docutils.nodes import SkipNode

    translator.body.append(to_mathml(node.astext()))
    raise SkipNode


def visit_block(translator: Any, node: Any) -> None:
    """Write a formula on a line of its own; a wide one scrolls inside its box."""
    from docutils.nodes import SkipNode

    formula = to_mathml(node.astext(), display=True)
    translator.body.append(f'<div class="formula" tabindex="0">{formula}</div>\n')
    raise SkipNode


def setup(app: Any) -> dict[str, bool]:
    """Register the renderer under the name that `_config.yml` gives."""
    app.add_html_math_renderer(
        "mathml",
        inline_renderers=(visit_inline, None),
        block_renderers=(visit_block, None),
    )
    return {"parallel_read_safe": True, "parallel_write_safe": True}
