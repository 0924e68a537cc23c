// Charts: one stop for the Tab key, days by the arrow keys. The figures stand in tables too.

for (const chart of document.querySelectorAll("[data-chart] ol")) {
  const days = [...chart.children];
  chart.addEventListener("keydown", (event) => {
    const at = days.indexOf(event.target.closest("li"));
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: days.length - 1 }[event.key];
    if (at < 0 || to === undefined || !days[to]) return;
    event.preventDefault();
    days[at].tabIndex = -1;
    days[to].tabIndex = 0;
    days[to].focus();
  });
}
