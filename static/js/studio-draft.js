// The studio as this tab left it: model, settings and words come back when its page is opened anew without a wish of its
// own, or loaded again or gone back to with the wish that it had. Kept by the tab alone, so that another one starts fresh.

const MOST = 300_000; // characters
const WORDS = ["prompt", "prompt_start", "prompt_end", "negative_prompt", "n_prompt"];
const LEFT = /^(csrfmiddlewaretoken|quoted|payer|made_from|made_how|file\.|gone\.)/;
const form = () => document.getElementById("form");
const key = `studio:${document.querySelector('meta[name="live"]')?.content ?? ""}`;
const wish = `${key}?`;

function now() {
  const fields = new URLSearchParams();
  if (form()) for (const [name, value] of new FormData(form())) if (typeof value === "string" && !LEFT.test(name)) fields.append(name, value);
  return fields;
}

function keep() {
  const fields = now().toString();
  try {
    if (!fields || fields.length > MOST) return;
    sessionStorage.setItem(key, fields);
    sessionStorage.setItem(wish, location.search);
  } catch {
    // Without room for it the page works as well.
  }
}

const returned = () => ["reload", "back_forward"].includes(performance.getEntriesByType("navigation")[0]?.type);

function kept() {
  try {
    if (location.search && !(returned() && sessionStorage.getItem(wish) === location.search)) return null;
    const fields = new URLSearchParams(sessionStorage.getItem(key) ?? "");
    return fields.get("model") ? fields : null;
  } catch {
    return null;
  }
}

const without = (fields) => {
  const rest = new URLSearchParams(fields);
  for (const name of WORDS) rest.delete(name);
  return rest.toString();
};

// What stands beside the form.
function series(fields) {
  const each = document.querySelector('[name="each_line"]');
  const seeds = document.querySelector('[name="seed_count"]');
  if (each) each.checked = fields.has("each_line");
  if (seeds) seeds.value = fields.get("seed_count") ?? "1";
  seeds?.dispatchEvent(new Event("input", { bubbles: true }));
}

async function bring(fields) {
  let touched = false;
  const touch = (event) => (touched ||= event.isTrusted && Boolean(event.target.closest?.("#form")));
  for (const name of ["input", "change"]) document.addEventListener(name, touch, true);
  fields.set("to", fields.get("model"));
  try {
    const headers = { ...JSON.parse(document.body.getAttribute("hx-headers") ?? "{}"), "HX-Request": "true" };
    const answer = await fetch("/studio/form/", { method: "POST", headers, body: fields });
    const text = answer.status === 200 ? await answer.text() : "";
    // Who began to write meanwhile is not interrupted.
    if (!text || touched || !form()) return;
    const focused = form().contains(document.activeElement) ? document.activeElement.id : "";
    htmx.swap("#form", text, { swapStyle: "outerHTML" });
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    series(fields);
  } catch {
    // The page stands as it came.
  } finally {
    for (const name of ["input", "change"]) document.removeEventListener(name, touch, true);
  }
}

function begin() {
  const fields = location.pathname === "/studio/" ? kept() : null;
  if (!fields || !form() || fields.toString() === now().toString()) return;
  if (without(fields) !== without(now())) {
    bring(fields);
    return;
  }
  for (const name of WORDS) {
    const field = form().elements[name];
    if (field && fields.has(name)) field.value = fields.get(name);
  }
  const words = form().querySelector("#prompt");
  if (words === document.activeElement && words.setSelectionRange) words.setSelectionRange(words.value.length, words.value.length);
}

begin();
let waiting = 0;
const soon = (event) => {
  if (!event.target.form && !event.target.closest?.("#form")) return;
  clearTimeout(waiting);
  waiting = setTimeout(keep, 300);
};
document.addEventListener("input", soon);
document.addEventListener("change", soon);
document.addEventListener("htmx:afterSettle", (event) => event.target.id === "form" && keep());
addEventListener("pagehide", keep);
