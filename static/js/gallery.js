// The public gallery: a covered picture is shown on demand, the search field has its key, menus close, dialogs come.
// And the publish form shows how the pasted link will look.

const typing = (target) => target.closest?.("input, textarea, select, [contenteditable]");

function reveal(button) {
  const tile = button.previousElementSibling;
  const picture = new Image();
  picture.sizes = tile.dataset.sizes;
  if (tile.dataset.srcset) picture.srcset = tile.dataset.srcset;
  picture.src = tile.dataset.src;
  picture.alt = tile.dataset.alt;
  picture.decoding = "async";
  tile.classList.remove("covered");
  tile.replaceChildren(picture);
  tile.focus();
  button.remove();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-reveal]");
  if (button) reveal(button);
  for (const open of document.querySelectorAll("details[data-drop][open]")) {
    if (!open.contains(event.target)) open.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    const open = event.target.closest?.("details[data-drop][open]");
    if (open) {
      open.open = false;
      open.querySelector("summary").focus();
    }
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || document.querySelector("dialog[open]")) return;
  const search = document.querySelector("[data-search]");
  if (event.key === "/" && search && localStorage.getItem("keys") !== "off") {
    event.preventDefault();
    search.focus();
    search.select();
  }
});

// A dialog that came with an answer opens, and goes when it is closed.
let opener = null;
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target.matches?.("[data-report]")) opener = event.target;
});
document.addEventListener("htmx:afterSwap", (event) => {
  for (const dialog of event.target.querySelectorAll?.("dialog[data-opened]") ?? []) {
    if (dialog.open) continue;
    dialog.showModal();
    dialog.addEventListener("close", () => {
      dialog.remove();
      opener?.focus();
    });
  }
});

// How the link will look where it is pasted, while the form is filled in.
function preview(form) {
  const title = form.querySelector('[data-said="title"]');
  const words = form.querySelector('[data-said="words"]');
  if (!title || !words) return;
  const named = form.elements.title.value.trim();
  const told = form.elements.show_prompt.checked;
  title.textContent = named || (told && title.dataset.prompt) || words.dataset.hidden || title.dataset.empty;
  words.textContent = told ? words.dataset.prompt : words.dataset.hidden;
}
document.addEventListener("input", (event) => {
  const form = event.target.closest?.("form[data-publish]");
  if (form) preview(form);
});
for (const form of document.querySelectorAll("form[data-publish]")) preview(form);
