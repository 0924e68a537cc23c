// Putting something into a page without moving what somebody is reading.

const GLIDE_MS = 200;
const EASE = "cubic-bezier(.2, .7, .2, 1)";

function scrollerOf(node) {
  for (let one = node; one && one !== document.body; one = one.parentElement) {
    if (/auto|scroll/.test(getComputedStyle(one).overflowY) && one.scrollHeight > one.clientHeight) return one;
  }
  return document.scrollingElement;
}

// What is read: the first child of which something can be seen.
function firstSeen(container, box) {
  return [...container.children].find((one) => {
    const { top, bottom } = one.getBoundingClientRect();
    return bottom > box.top + 1 && top < box.bottom - 1;
  });
}

// What has to make room glides there; nothing of it jumps.
function makeRoom(from, by, box) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  for (let one = from; one; one = one.nextElementSibling) {
    const { top, bottom } = one.getBoundingClientRect();
    if (bottom - by < box.top || top - by > box.bottom) return;
    one.animate([{ transform: `translateY(${-by}px)` }, { transform: "none" }], { duration: GLIDE_MS, easing: EASE });
  }
}

/**
 * Insert html (text, a node or a fragment) at the top of the container, or before `before`. What is on the screen stays
 * where it is; a reader who is where it comes in sees it come. Gives the inserted elements.
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
  const box = whole ? { top: 0, bottom: innerHeight } : scroller.getBoundingClientRect();
  const seen = firstSeen(container, box);
  // Below 0 in the studio's sheet, which grows upwards from its foot.
  const away = Math.abs(scroller.scrollTop) > 1;
  const was = seen?.getBoundingClientRect().top;
  // The browser's own anchoring would do it a second time, where there is one.
  const own = scroller.style.overflowAnchor;
  scroller.style.overflowAnchor = "none";
  container.insertBefore(content, before);
  const by = seen ? seen.getBoundingClientRect().top - was : 0;
  if (away && by) scroller.scrollBy({ top: by, behavior: "instant" });
  else if (by) makeRoom(seen, by, box);
  requestAnimationFrame(() => requestAnimationFrame(() => (scroller.style.overflowAnchor = own)));
  window.htmx?.process && made.forEach((one) => window.htmx.process(one));
  return made;
}
