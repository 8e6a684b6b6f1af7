// Small conveniences; every page works without them.
(() => {
  for (const button of document.querySelectorAll("[data-theme-toggle]")) button.addEventListener("click", () => window.toggleTheme());

  document.addEventListener("click", async (event) => {
    const copy = event.target.closest("[data-copy]");
    if (copy) {
      const source = document.getElementById(copy.dataset.copy);
      await navigator.clipboard.writeText(source.dataset.value || source.textContent.trim());
      const said = copy.querySelector("[data-said]");
      const before = said.textContent;
      said.textContent = copy.dataset.done;
      setTimeout(() => { said.textContent = before; }, 2500);
    }
    if (event.target.closest("[data-print]")) window.print();
  });

  // A button that was pressed gives way to what it asked for, and the focus with it: it would fall to the page's beginning.
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.requestConfig?.triggeringEvent?.type !== "submit") return;
    event.detail.target.tabIndex = -1;
    event.detail.target.focus({ preventScroll: true });
  });

  // On a narrow screen a row of a table is a small card: each cell says what its column says (portal.css). Its roles are written out, because a table that is
  // shown otherwise is no table any more to a screen reader.
  for (const table of document.querySelectorAll("table.plain")) {
    const heads = table.tHead ? [...table.tHead.rows[0].cells] : [];
    if (!heads.length || heads.some((cell) => cell.tagName !== "TH")) continue;
    table.classList.add("stacks");
    table.setAttribute("role", "table");
    for (const part of [table.tHead, ...table.tBodies]) part.setAttribute("role", "rowgroup");
    for (const row of table.rows) {
      row.setAttribute("role", "row");
      [...row.cells].forEach((cell, place) => {
        cell.setAttribute("role", cell.closest("thead") ? "columnheader" : cell.tagName === "TH" ? "rowheader" : "cell");
        cell.dataset.label = heads[place].textContent;
      });
    }
  }

  for (const here of document.querySelectorAll(".rooms [aria-current]")) here.parentElement.scrollLeft = here.offsetLeft - here.parentElement.offsetLeft - 24;

  // A countdown: the server's instant, counted from the server's now, so that a wrong clock here changes nothing.
  for (const place of document.querySelectorAll("[data-countdown]")) {
    const left = Number(place.dataset.countdown) * 1000;
    const started = performance.now();
    const parts = Object.fromEntries([...place.querySelectorAll("[data-part]")].map((part) => [part.dataset.part, part]));
    place.hidden = false;
    const tick = () => {
      const seconds = Math.max(0, Math.ceil((left - (performance.now() - started)) / 1000));
      parts.days.textContent = Math.floor(seconds / 86400);
      parts.hours.textContent = Math.floor((seconds % 86400) / 3600);
      parts.minutes.textContent = Math.floor((seconds % 3600) / 60);
      parts.seconds.textContent = seconds % 60;
      if (seconds > 0) setTimeout(tick, 1000 - ((performance.now() - started) % 1000));
      else setTimeout(() => location.reload(), 1500);
    };
    tick();
  }
})();
