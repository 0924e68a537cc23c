// The documentation: the chosen client is remembered and the same everywhere; the place in the page is marked.

const KEY = "docs-client";

function choose(client, except) {
  for (const tab of document.querySelectorAll(`.clients > input[value="${CSS.escape(client)}"]`)) {
    if (tab !== except) tab.checked = true;
  }
}

const kept = localStorage.getItem(KEY);
if (kept) choose(kept, null);

document.addEventListener("change", (event) => {
  if (!event.target.matches(".clients > input")) return;
  // Samples above change their height too: what was clicked stays where it was.
  const before = event.target.parentElement.getBoundingClientRect().top;
  choose(event.target.value, event.target);
  localStorage.setItem(KEY, event.target.value);
  scrollBy({ top: event.target.parentElement.getBoundingClientRect().top - before, behavior: "instant" });
});

// The table of contents is folded on narrow screens and open on wide ones.
const contents = document.querySelector(".guide-contents");
const wide = matchMedia("(min-width: 1024px)");
const unfold = () => contents?.toggleAttribute("open", wide.matches);
if (wide.matches) unfold();
wide.addEventListener("change", unfold);

// Escape empties the search and its findings.
const search = document.getElementById("guide-q");
search?.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  search.value = "";
  document.getElementById("guide-found").replaceChildren();
});

// The heading that is being read is marked in the list beside the page.
const links = new Map([...document.querySelectorAll(".guide-here a[href^='#']")].map((link) => [link.hash.slice(1), link]));
const headings = [...document.querySelectorAll(".prose h2[id]")];
function mark() {
  let current = headings[0];
  for (const heading of headings) if (heading.getBoundingClientRect().top < 140) current = heading;
  for (const [anchor, link] of links) {
    if (anchor === current?.id) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}
if (links.size) {
  let asked = false;
  addEventListener("scroll", () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => { asked = false; mark(); });
  }, { passive: true });
  mark();
}
