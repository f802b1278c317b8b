"""What is wrong with a page, as a browser that shows it can tell."""

from __future__ import annotations

from importlib import resources
from typing import Any

GRAVE = ("serious", "critical")
"""The impacts that fail a page; axe-core names four."""

TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
"""The rules that run: WCAG 2.2 to level AA, and axe-core's own advice."""

SAMPLE_TEXT = """() => {
  const known = new WeakMap();
  const behind = (element) => {
    if (!element) return "";
    if (known.has(element)) return known.get(element);
    const style = getComputedStyle(element);
    const own = [style.backgroundColor, style.backgroundImage, style.opacity, style.filter];
    const opaque = own[0].startsWith("rgb(") && own[1] === "none";
    const rest = opaque ? "" : behind(element.parentElement);
    known.set(element, own.join() + "|" + rest);
    return known.get(element);
  };
  document.querySelectorAll("[data-sampled]").forEach((e) => e.removeAttribute("data-sampled"));
  const seen = new Map();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const ink = [style.color, style.fontSize, style.fontWeight, style.textShadow];
    const key = ink.join() + "|" + behind(element);
    seen.set(key, (seen.get(key) ?? 0) + 1);
    if (seen.get(key) <= 2) element.setAttribute("data-sampled", "");
  }
  return seen.size;
}"""
"""Mark two examples of each way in which text is set: ink, size, weight and what lies behind."""

COLOUR_RULES = ("color-contrast", "link-in-text-block", "image-alt", "svg-img-alt")
"""What may differ between two themes of one page: colours, and which of two pictures shows."""

RUN_AXE = """async (rules) => {
  axe.configure({rules: [{id: "color-contrast", selector: "[data-sampled]"}]});
  const options = {resultTypes: ["violations"], runOnly: rules, preload: false};
  const found = await axe.run(document, options);
  return found.violations.flatMap((rule) => rule.nodes.map((node) => ({
    rule: rule.id, impact: node.impact ?? rule.impact, html: node.html.slice(0, 160),
    why: (node.failureSummary ?? "").replace(/\\s+/g, " ").slice(0, 200),
  })));
}"""

FIND_NAMELESS = """() => {
  const name = (e) => (e.getAttribute("aria-label") ?? e.getAttribute("alt") ?? "").trim();
  const silent = "[aria-hidden=true], [role=presentation], button svg, [role=img] svg";
  const pictures = document.querySelectorAll(
    "article img, article canvas, article [role=img], article svg");
  return [...pictures].filter((e) => !e.matches(silent) && !e.closest("[aria-hidden=true]"))
    .map((e) => [name(e), e.getAttribute("src") ?? "", e.outerHTML.slice(0, 160)]);
}"""
"""Every picture of the text with what a screen reader says in its place."""

FIND_WIDE = """() => {
  const room = document.documentElement.clientWidth;
  const scrolls = (e) => ["auto", "scroll"].includes(getComputedStyle(e).overflowX);
  const held = (e) => e !== document.body && e && (scrolls(e) || held(e.parentElement));
  const hidden = (e) => !e.checkVisibility({visibilityProperty: true});
  const wide = [...document.querySelectorAll("main *")].filter((e) =>
    e.getBoundingClientRect().right > room + 1 && !hidden(e) && !held(e.parentElement)
    && !e.closest("svg, math, i.fa-solid, .visually-hidden, .tx-alt"));
  const reach = document.documentElement.scrollWidth;
  const named = wide.slice(0, 3).map((e) => e.outerHTML.slice(0, 120));
  return reach > room ? [`page of ${reach} px`, ...named] : named;
}"""
"""What reaches beyond the window and cannot be scrolled into sight within its own box."""

VAGUE = ("image", "figure", "picture", "plot", "chart", "diagram", "png", "svg", "output")
"""Words that name no picture."""


def load_axe(page: Any) -> None:
    """Give `page` the accessibility checker; it comes from a package, not from the network."""
    script = resources.files("axe_playwright_python") / "axe.min.js"
    page.evaluate(script.read_text(encoding="utf-8") + ";0")


def find_axe_faults(page: Any, *, colours_only: bool = False) -> list[str]:
    """Return a sentence for each grave violation on `page` as it stands.

    Contrast is judged on two examples of each way in which the page sets text: one judgement
    takes milliseconds, and a long page has ten thousand pieces of text in some fifty ways.

    Parameters
    ----------
    page : playwright.sync_api.Page
        With `load_axe` done.
    colours_only : bool, default False
        Run `COLOUR_RULES` alone, for a second theme of a page whose elements were judged before.
    """
    page.evaluate(SAMPLE_TEXT)
    rules = {"type": "rule", "values": list(COLOUR_RULES)}
    found = page.evaluate(RUN_AXE, rules if colours_only else {"type": "tag", "values": list(TAGS)})
    return [
        f"{fault['rule']} ({fault['impact']}): {fault['html']}: {fault['why']}"
        for fault in found
        if fault["impact"] in GRAVE
    ]


def find_nameless_figures(page: Any) -> list[str]:
    """Return the pictures of `page` whose text says nothing about them."""
    return [
        f"{name!r}: {markup}"
        for name, file, markup in page.evaluate(FIND_NAMELESS)
        if is_vague(name, file)
    ]


def is_vague(name: str, file: str = "") -> bool:
    """Whether `name` is empty, a file's name, or fewer than three words.

    Examples
    --------
    >>> [is_vague(n) for n in ("", "image", "../_images/3f.png", "Accuracy falls below 4 bits.")]
    [True, True, True, False]
    """
    words = name.lower().split()
    stem = file.rsplit("/", 1)[-1]
    is_file = len(words) == 1 or (stem != "" and name.strip() in (file, stem))
    return is_file or len([word for word in words if word.strip(".:") not in VAGUE]) < 3


def find_wide_parts(page: Any) -> list[str]:
    """Return what makes `page` wider than its window, or is cut off at its edge."""
    return list(page.evaluate(FIND_WIDE))


def turn_theme(page: Any, theme: str) -> None:
    """Press the page's own button until it is in `theme`, ``light`` or ``dark``."""
    button = page.locator("button.theme-switch-button").last
    for _ in range(3):
        if page.evaluate("document.documentElement.dataset.mode") == theme:
            return
        button.click()
    raise AssertionError(f"the button of the theme never came to {theme!r}")
