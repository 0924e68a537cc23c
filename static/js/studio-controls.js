// Controls that depend on each other, lists with a filter, the stepper, and the lock of the seed.

const form = () => document.getElementById("form");
const changed = (field) => field.dispatchEvent(new Event("change", { bubbles: true }));

// -- What means something only beside something else --------------------------------------------------------------------------

function valueOf(name) {
  const fields = [...(form()?.elements ?? [])].filter((field) => field.name === name);
  const field = fields.length > 1 ? fields.find((one) => one.checked) : fields[0];
  return field?.value ?? "";
}

function settle() {
  for (const control of document.querySelectorAll("#form .control[data-beside]")) {
    const wanted = control.dataset.values.split(" ").filter(Boolean);
    const value = valueOf(control.dataset.beside);
    control.toggleAttribute("data-idle", wanted.length ? !wanted.includes(value) : !value);
  }
  for (const control of document.querySelectorAll("#form .control[data-follows]")) {
    const idle = Boolean(valueOf(control.dataset.follows));
    control.toggleAttribute("data-idle", idle);
    control.querySelector("fieldset")?.toggleAttribute("inert", idle);
  }
  for (const control of document.querySelectorAll("#form .kind-shapes")) {
    const label = control.querySelector("legend");
    label.dataset.pixels = control.querySelector("input:checked")?.closest("label").dataset.pixels ?? "";
  }
}
document.addEventListener("change", (event) => event.target.closest("#form") && settle());

// -- Filters --------------------------------------------------------------------------------------------------------------------

const folded = (text) => text.normalize("NFKC").toLocaleLowerCase();

function filter(box) {
  const words = folded(box.value).split(/\s+/).filter(Boolean);
  const kinds = [...(box.parentElement.querySelectorAll("[data-kind][aria-pressed=true]") ?? [])].map((one) => one.dataset.kind);
  let shown = 0;
  for (const entry of document.querySelectorAll(box.dataset.filter)) {
    const text = folded(entry.textContent);
    const fits = words.every((word) => text.includes(word)) && (!kinds.length || kinds.includes(entry.dataset.of));
    entry.hidden = !fits;
    shown += fits;
  }
  const none = box.closest(".models")?.querySelector(".none");
  if (none) none.hidden = shown > 0;
}
document.addEventListener("input", (event) => event.target.matches("[data-filter]") && filter(event.target));
// What is typed to find something is no setting.
document.addEventListener("change", (event) => event.target.matches("[data-filter]") && event.stopPropagation(), true);
document.addEventListener("keydown", (event) => {
  if (!event.target.matches?.("[data-filter]")) return;
  if (event.key === "Enter") {
    event.preventDefault();
    const first = [...document.querySelectorAll(event.target.dataset.filter)].find((entry) => !entry.hidden);
    first?.querySelector("a, input")?.click();
  }
  const models = event.target.closest(".models");
  if (event.key === "ArrowDown" && models) {
    event.preventDefault();
    models.querySelector("li:not([hidden]) > a")?.focus();
  }
});
// The arrow keys walk through the models.
document.addEventListener("keydown", (event) => {
  const link = event.target.closest?.("#models li > a");
  if (!link || !["ArrowDown", "ArrowUp"].includes(event.key)) return;
  event.preventDefault();
  const all = [...document.querySelectorAll("#models li:not([hidden]) > a")];
  const next = all[all.indexOf(link) + (event.key === "ArrowDown" ? 1 : -1)];
  (next ?? document.querySelector("#models [data-filter]")).focus();
});
document.addEventListener("toggle", (event) => {
  if (event.target.id !== "models" || event.newState !== "open") return;
  if (matchMedia("(pointer: fine)").matches) event.target.querySelector("[data-filter]")?.focus();
}, true);

// -- The seed --------------------------------------------------------------------------------------------------------------------

const seedField = () => document.querySelector("#form .seed .input");

function showLock() {
  const field = seedField();
  if (!field) return;
  const box = field.closest(".seed");
  box.querySelector("[data-lock]").setAttribute("aria-pressed", String(field.value !== ""));
  field.placeholder = box.dataset.used ? `${box.dataset.last} ${box.dataset.used}` : box.dataset.random;
}

// After a run the seed that was drawn is known: it can be kept from then on.
let asked = "";
async function learnSeed() {
  const box = seedField()?.closest(".seed");
  const newest = document.querySelector("#batches .batch.succeeded")?.id ?? "";
  // The first: a model may have an input of that name too.
  const model = form()?.querySelector('[name="model"]')?.value ?? "";
  if (!box || !newest || asked === `${newest} ${model}`) return;
  asked = `${newest} ${model}`;
  const answer = await fetch(`/studio/seed/?${new URLSearchParams({ model })}`).catch(() => null);
  if (!answer?.ok) return;
  const { seed } = await answer.json();
  if (seed !== null) seedField().closest(".seed").dataset.used = seed;
  showLock();
}

const drawn = () => String(crypto.getRandomValues(new Uint32Array(1))[0] % 1_000_000);

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if ("dice" in button.dataset || "lock" in button.dataset) {
    const field = seedField();
    const locked = field.value !== "";
    if ("dice" in button.dataset) field.value = drawn();
    else field.value = locked ? "" : button.closest(".seed").dataset.used || drawn();
    showLock();
    changed(field);
  } else if (button.dataset.step) {
    const field = button.closest(".stepper").querySelector("input");
    const wanted = (Number(field.value) || 0) + Number(button.dataset.step);
    field.value = String(Math.min(Number(field.max), Math.max(Number(field.min), wanted)));
    changed(field);
  } else if (button.dataset.fitWidth) {
    const { width, height } = form().elements;
    width.value = button.dataset.fitWidth;
    height.value = button.dataset.fitHeight;
    changed(width);
  } else if (button.dataset.kind) {
    const on = button.getAttribute("aria-pressed") !== "true";
    for (const one of button.parentElement.children) one.setAttribute("aria-pressed", String(on && one === button));
    filter(button.closest(".find").querySelector("[data-filter]"));
  }
});
document.addEventListener("input", (event) => event.target === seedField() && showLock());

function prepare() {
  settle();
  showLock();
  learnSeed();
}
document.addEventListener("htmx:afterSettle", prepare);
document.addEventListener("darkroom:predictions", () => setTimeout(learnSeed, 300));
prepare();
