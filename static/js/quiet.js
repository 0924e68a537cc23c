// Putting something into a page without moving what somebody is reading.

function scrollerOf(node) {
  for (let one = node; one && one !== document.body; one = one.parentElement) {
    if (/auto|scroll/.test(getComputedStyle(one).overflowY) && one.scrollHeight > one.clientHeight) return one;
  }
  return document.scrollingElement;
}

// What is read: the first child that is at least partly below the upper edge of what can be seen.
function firstSeen(container, top) {
  return [...container.children].find((one) => one.getBoundingClientRect().bottom > top + 1);
}

/**
 * Insert html (text, a node or a fragment) at the top of the container, or before `before`. What is on the screen stays
 * where it is; a reader who is at the very top sees what came. Gives the inserted elements.
 */
export function insertQuietly(container, html, { before = container.firstChild } = {}) {
  let content = html;
  if (typeof html === "string") {
    const template = document.createElement("template");
    template.innerHTML = html;
    content = template.content;
  }
  const made = content instanceof DocumentFragment ? [...content.children] : [content];
  const scroller = scrollerOf(container);
  const whole = scroller === document.scrollingElement;
  const edge = whole ? 0 : scroller.getBoundingClientRect().top;
  const anchor = scroller.scrollTop > 0 ? firstSeen(container, edge) : null;
  const was = anchor?.getBoundingClientRect().top;
  // The browser's own anchoring would do it a second time, where there is one.
  const own = scroller.style.overflowAnchor;
  scroller.style.overflowAnchor = "none";
  container.insertBefore(content, before);
  if (anchor) {
    const by = anchor.getBoundingClientRect().top - was;
    if (by) scroller.scrollBy({ top: by, behavior: "instant" });
  }
  requestAnimationFrame(() => requestAnimationFrame(() => (scroller.style.overflowAnchor = own)));
  window.htmx?.process && made.forEach((one) => window.htmx.process(one));
  return made;
}
