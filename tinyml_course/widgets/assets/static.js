"use strict";
(() => {
  // Return the table of lines, states and alt texts that a page's script element holds.
  async function unpack(base64) {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return JSON.parse(await new Response(stream).text());
  }

  // Return the number of the state that the controls' positions choose.
  function locate(positions, strides) {
    return positions.reduce((sum, position, i) => sum + position * strides[i], 0);
  }

  function start(root) {
    const find = (selector) => root.querySelector(selector);
    const controls = [...root.querySelectorAll(".tx-control")];
    const strides = JSON.parse(root.dataset.strides);
    const defaults = controls.map((control) => Number(control.value));
    const result = find(".tx-result");
    const said = find(".tx-said");
    let table = null;

    function show(positions) {
      if (!table) return;
      const number = locate(positions, strides);
      const svg = table.states[number].map((line) => table.lines[line]).join("\n");
      const alt = table.alts[number];
      find(".tx-figure").innerHTML = svg;
      find(".tx-figure").setAttribute("aria-label", alt);
      if (find(".tx-alt").textContent !== alt) find(".tx-alt").textContent = alt;
    }

    const read = () => controls.map((control) => Number(control.value));

    function move(event) {
      const control = event.target;
      if (control.dataset.texts) {
        const text = JSON.parse(control.dataset.texts)[Number(control.value)];
        control.setAttribute("aria-valuetext", text);
        control.parentElement.querySelector("output").textContent = text;
      }
      show(read());
    }

    function reveal(words) {
      said.textContent = words;
      find(".tx-entry").hidden = true;
      result.hidden = false;
      unpack(find(".tx-states").textContent).then(
        (unpacked) => {
          table = unpacked;
          find(".tx-controls").hidden = false;
          if (controls.length) controls[0].focus();
        },
        () => {
          said.textContent += " This browser cannot unpack the other states; this is the first one.";
        },
      );
    }

    find(".tx-entry").addEventListener("submit", (event) => {
      event.preventDefault();
      const guess = find(".tx-guess").value.trim();
      if (guess) reveal(`You predicted: ${guess}`);
      else said.textContent = "Write down a prediction first, or skip it.";
    });
    find(".tx-skip").addEventListener("click", () => reveal("No prediction made."));
    for (const control of controls) control.addEventListener("input", move);
    window.addEventListener("beforeprint", () => show(defaults));
    window.addEventListener("afterprint", () => show(read()));

    root.classList.add("tx-live");
    find(".tx-entry").hidden = false;
    result.hidden = true;
  }

  // Every experiment brings this script: each run starts those that none has started yet.
  for (const root of document.querySelectorAll(".tx-experiment:not(.tx-live)")) {
    if (root.querySelector(".tx-states")) start(root);
  }
})();
