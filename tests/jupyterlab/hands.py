"""What a learner does in JupyterLab: open, run, look, and choose a theme."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.browser import Watch
from tests.jupyterlab.lab import Lab

OPEN_MS, RUN_MS = 120_000, 400_000
SIZE = {"width": 1280, "height": 900}

NOTEBOOK = "jupyterapp.shell.currentWidget.content"
CODE_CELLS = f"{NOTEBOOK}.widgets.filter(cell => cell.model.type === 'code')"
FOREIGN = re.compile(r"/api/(kernels|contents)/|favicon")
"""Messages of JupyterLab's own about a kernel that ends or a file that is not there yet."""


@dataclass
class Desk:
    """A notebook, open in JupyterLab.

    Attributes
    ----------
    page : playwright.sync_api.Page
        The browser's page.
    watch : Watch
        What went wrong in it.
    pictures : Path
        Folder of the screenshots.
    """

    page: Any
    watch: Watch
    pictures: Path

    def open(self, lab: Lab, notebook: str) -> None:
        """Open a notebook and wait until its kernel is idle."""
        self.page.set_default_timeout(OPEN_MS)
        self.page.goto(lab.url(notebook))
        ready = "document.querySelector('#jp-main-statusbar')?.innerText.includes('course | Idle')"
        self.page.wait_for_function(ready, timeout=OPEN_MS)

    def run_all(self) -> None:
        """Choose *Run All Cells* from the menu and wait until nothing runs any more."""
        self.page.locator("#jp-MainMenu").get_by_text("Run", exact=True).click()
        self.page.locator('li[data-command="runmenu:run-all"]').click()
        self.page.wait_for_function(
            f"{CODE_CELLS}.some(cell => cell.model.executionState !== 'idle')"
        )
        self.wait_until_done()

    def run(self, *cells: str) -> None:
        """Run the cells of these ids, one after the other."""
        for cell in cells:
            self.select(cell)
            self.page.evaluate("jupyterapp.commands.execute('notebook:run-cell')")
        self.wait_until_done()

    def select(self, cell: str) -> None:
        """Make the cell of this id the active one, in view, with the keyboard's focus."""
        place = f"{NOTEBOOK}.widgets.findIndex(cell => cell.model.id === {json.dumps(cell)})"
        self.page.evaluate(
            f"async () => {{ const place = {place}; {NOTEBOOK}.deselectAll();"
            f" {NOTEBOOK}.activeCellIndex = place; await {NOTEBOOK}.scrollToItem(place, 'start');"
            f" {NOTEBOOK}.activate(); {NOTEBOOK}.activeCell.node.focus(); }}"
        )

    def write(self, cell: str, source: str) -> None:
        """Replace what stands in a cell, as a learner would paste it."""
        self.select(cell)
        self.page.locator(".jp-Notebook .jp-Cell.jp-mod-active .cm-content").click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(source)
        self.page.keyboard.press("Escape")

    def wait_until_done(self) -> None:
        """Wait until no cell runs or waits any more."""
        done = f"{CODE_CELLS}.every(cell => cell.model.executionState === 'idle')"
        self.page.wait_for_function(done, timeout=RUN_MS)

    def panel(self) -> Any:
        """Return the first check panel."""
        return self.page.locator(".jp-OutputArea-output:has(button:text('Check again'))").first

    def outputs(self) -> dict[str, list[dict[str, Any]]]:
        """Return the outputs of each code cell that was run, by its id, as in the file."""
        found = self.page.evaluate(
            f"{CODE_CELLS}.filter(cell => cell.model.executionCount !== null)"
            ".map(cell => [cell.model.id, cell.model.outputs.toJSON()])"
        )
        return dict(found)

    def choose_theme(self, name: str) -> None:
        """Switch JupyterLab to *Light* or *Dark*."""
        order = json.dumps({"theme": f"JupyterLab {name}"})
        self.page.evaluate(f"jupyterapp.commands.execute('apputils:change-theme', {order})")
        light = str(name == "Light").lower()
        self.page.wait_for_function(f"document.body.dataset.jpThemeLight === '{light}'")

    def photograph(self, name: str) -> None:
        """Keep a picture of the page as it is, in both themes; leave it light."""
        for theme in ("Dark", "Light"):
            self.choose_theme(theme)
            self.page.wait_for_timeout(400)  # colours fade
            self.page.screenshot(path=self.pictures / f"{name}-{theme.lower()}.png")

    def faults(self) -> list[str]:
        """Return console errors and foreign requests that are not JupyterLab's own."""
        errors = [error for error in self.watch.errors if not FOREIGN.search(error)]
        return errors + self.watch.blocked
