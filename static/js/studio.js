// The studio: sliders beside their numbers, keys, the settings sheet of small screens, losing the line.

const form = () => document.getElementById("form");
const prompt = () => document.querySelector("textarea#prompt");
const changed = (field) => field.dispatchEvent(new Event("change", { bubbles: true }));

function paint(range) {
  const low = Number(range.min);
  const high = Number(range.max);
  const at = high > low ? (Number(range.value) - low) / (high - low) : 0;
  range.parentElement.style.setProperty("--at", Math.min(1, Math.max(0, at)).toFixed(4));
}

function prepare(within) {
  for (const range of within.querySelectorAll("input[type=range][data-for]")) paint(range);
}
prepare(document);
// With a keyboard at hand one can type at once; a touch screen would only hide the page under its own keyboard.
if (matchMedia("(pointer: fine)").matches && !location.hash) prompt()?.focus({ preventScroll: true });
document.addEventListener("htmx:load", (event) => prepare(event.detail.elt));

document.addEventListener("input", (event) => {
  const field = event.target;
  if (field.matches("input[type=range][data-for]")) {
    const number = document.getElementById(field.dataset.for);
    number.value = field.value;
    paint(field);
  } else if (field.matches(".slider-head .value")) {
    const range = document.querySelector(`input[data-for="${field.id}"]`);
    if (range && field.value !== "") {
      range.value = field.value;
      paint(range);
    }
  }
});

function markShape(box) {
  const [width, height] = box.querySelectorAll(".size .input");
  for (const shape of box.querySelectorAll("[data-w]")) {
    shape.setAttribute("aria-pressed", String(shape.dataset.w === width.value && shape.dataset.h === height.value));
  }
}
document.addEventListener("change", (event) => {
  const box = event.target.closest(".kind-size");
  if (box) markShape(box);
});

// A double click on a slider, or Escape in its number, gives the model's default back.
function reset(control) {
  const number = control?.querySelector(".value");
  if (!number || control.dataset.default === "") return;
  number.value = control.dataset.default;
  const range = control.querySelector("input[type=range]");
  range.value = number.value;
  paint(range);
  changed(number);
}
document.addEventListener("dblclick", (event) => {
  if (event.target.matches("input[type=range]")) reset(event.target.closest(".control"));
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.w) {
    const box = button.closest(".control");
    const [width, height] = box.querySelectorAll(".size .input");
    width.value = button.dataset.w;
    height.value = button.dataset.h;
    markShape(box);
    changed(width);
  } else if ("sample" in button.dataset && prompt()) {
    prompt().value = button.textContent;
    prompt().focus();
  } else if ("opensPanel" in button.dataset) {
    document.getElementById("panel").classList.add("shown");
    document.querySelector("[data-closes-panel]").focus();
  } else if ("closesPanel" in button.dataset) {
    hidePanel();
  }
});
document.addEventListener("click", (event) => {
  const panel = document.getElementById("panel");
  if (panel?.classList.contains("shown") && !event.target.closest("#panel, [data-opens-panel]")) hidePanel();
});

function hidePanel() {
  const panel = document.getElementById("panel");
  if (!panel?.classList.contains("shown")) return;
  panel.classList.remove("shown");
  document.querySelector("[data-opens-panel]")?.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    form()?.requestSubmit(document.getElementById("make"));
  } else if (event.key === "Escape") {
    if (event.target.matches(".slider-head .value")) reset(event.target.closest(".control"));
    hidePanel();
  } else if (event.key === "/" && !event.target.closest("input, textarea, select")) {
    event.preventDefault();
    prompt()?.focus();
  } else if (event.key === "ArrowUp" && event.target === prompt() && prompt().value === "") {
    const last = document.querySelector(".batch h2")?.title;
    if (last) prompt().value = last;
  }
});

// One press, one batch: the button rests until the server has answered.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target.id === "form") document.getElementById("make")?.setAttribute("aria-disabled", "true");
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.target.id !== "form") return;
  document.getElementById("make")?.removeAttribute("aria-disabled");
  if (event.detail.successful) {
    document.getElementById("first")?.remove();
    document.getElementById("sheet").scrollTop = 0;
    hidePanel();
  }
});
document.addEventListener("submit", (event) => {
  if (event.target.id === "form" && document.getElementById("make")?.getAttribute("aria-disabled") === "true") {
    event.preventDefault();
    event.stopImmediatePropagation();
  }
}, true);

const offline = document.getElementById("offline");
document.addEventListener("htmx:sendError", () => (offline.hidden = false));
document.addEventListener("htmx:afterOnLoad", () => {
  // An answer that was under way when the connection went says nothing of it: live.js knows when it is back.
  if (document.documentElement.dataset.live !== "lost") offline.hidden = true;
});
