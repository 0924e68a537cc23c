// Charts at the operator's desk: one stop of the Tab key each, arrows from day to day, the day's figures beside it.

function setUp(plot) {
  const slots = [...plot.querySelectorAll(".hit")];
  const tip = plot.querySelector(".tip");
  if (!slots.length || !tip) return;
  // The tip says what a title would say a second later.
  for (const slot of slots) slot.querySelector("title")?.remove();

  const show = (slot) => {
    const box = slot.getBoundingClientRect();
    const within = plot.getBoundingClientRect();
    tip.textContent = slot.getAttribute("aria-label");
    tip.hidden = false;
    const middle = box.left - within.left + box.width / 2;
    const right = middle > within.width / 2;
    tip.style.left = right ? "auto" : `${middle + 12}px`;
    tip.style.right = right ? `${within.width - middle + 12}px` : "auto";
    plot.classList.add("looking");
    for (const bar of plot.querySelectorAll(".now")) bar.classList.remove("now");
    for (const bar of plot.querySelectorAll(`rect[data-slot="${slot.dataset.slot}"]`)) bar.classList.add("now");
  };
  const hide = () => {
    tip.hidden = true;
    plot.classList.remove("looking");
  };
  const go = (to) => {
    const next = slots[Math.max(0, Math.min(slots.length - 1, to))];
    for (const slot of slots) slot.setAttribute("tabindex", slot === next ? "0" : "-1");
    next.focus();
  };

  plot.addEventListener("pointerover", (event) => event.target.closest(".hit") && show(event.target.closest(".hit")));
  plot.addEventListener("pointerleave", () => (plot.contains(document.activeElement) ? show(document.activeElement) : hide()));
  plot.addEventListener("focusin", (event) => show(event.target));
  plot.addEventListener("focusout", hide);
  plot.addEventListener("keydown", (event) => {
    const at = slots.indexOf(event.target);
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: slots.length - 1, PageUp: at - 7, PageDown: at + 7 }[event.key];
    if (at < 0 || to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    go(to);
  });
}

for (const plot of document.querySelectorAll(".plot")) setUp(plot);

for (const list of document.querySelectorAll("[data-bars]")) {
  const rows = [...list.children];
  list.addEventListener("keydown", (event) => {
    const at = rows.indexOf(event.target);
    const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: rows.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    const next = rows[Math.max(0, Math.min(rows.length - 1, to))];
    for (const row of rows) row.setAttribute("tabindex", row === next ? "0" : "-1");
    next.focus();
  });
}

document.addEventListener("keydown", (event) => {
  const open = document.querySelector(".dates[open]");
  if (open && event.key === "Escape") {
    open.open = false;
    open.querySelector("summary").focus();
  }
});
