// Bringing a part of the page to what the server says now, without touching what has not changed.
//
// Three versions meet: what the server said before, what it says now, and the page, where scripts have added things of
// their own since (looks that fade, covers, a roving focus). Only what the server changed is changed.

// What the server said: attributes by element; whatever is not in here was added by a script.
const said = new WeakMap();

function attributes(element) {
  return new Map([...element.attributes].filter(({ name }) => name !== "hx-swap-oob").map(({ name, value }) => [name, value]));
}

/** Take an element and all that is in it as said by the server. */
export function adopt(element) {
  said.set(element, attributes(element));
  for (const one of element.querySelectorAll("*")) said.set(one, attributes(one));
}

function patchClasses(live, before = "", after = "") {
  const [old, fresh] = [before, after].map((text) => new Set(text.split(/\s+/).filter(Boolean)));
  for (const name of old) if (!fresh.has(name)) live.classList.remove(name);
  for (const name of fresh) if (!old.has(name)) live.classList.add(name);
}

function patchAttributes(live, now) {
  const before = said.get(live) ?? new Map();
  const after = attributes(now);
  for (const [name, value] of after) {
    if (before.get(name) === value) continue;
    if (name === "class") patchClasses(live, before.get(name), value);
    else live.setAttribute(name, value);
    if (name === "value" && "value" in live) live.value = value;
  }
  for (const name of before.keys()) if (!after.has(name) && name !== "class") live.removeAttribute(name);
  if (before.has("class") && !after.has("class")) patchClasses(live, before.get("class"), "");
  said.set(live, after);
}

const mine = (node) => node.nodeType !== Node.ELEMENT_NODE || said.has(node);
const first = (element) => (said.get(element)?.get("class") ?? element.getAttribute("class") ?? "").split(/\s+/, 1)[0];

// Two elements that are the same thing at different times: never one picture in place of another.
function same(live, now) {
  if (live.nodeType !== now.nodeType) return false;
  if (live.nodeType !== Node.ELEMENT_NODE) return live.nodeType === Node.TEXT_NODE;
  if (live.nodeName !== now.nodeName || live.id !== now.id || live.dataset?.frame !== now.dataset?.frame) return false;
  if (live.nodeName === "IMG") return live.getAttribute("src") === now.getAttribute("src");
  return first(live) === first(now);
}

function patchChildren(live, now) {
  const left = [...live.childNodes].filter(mine);
  let place = null;
  for (const fresh of [...now.childNodes]) {
    const number = left.findIndex((one) => same(one, fresh));
    let node = fresh;
    if (number >= 0) {
      [node] = left.splice(number, 1);
      if (node.nodeType === Node.ELEMENT_NODE) patch(node, fresh);
      else if (node.data !== fresh.data) node.data = fresh.data;
    } else if (fresh.nodeType === Node.ELEMENT_NODE) {
      adopt(fresh);
    }
    // Only what stands elsewhere is moved: moving a node takes the focus from it and starts its animations anew.
    const next = place ? place.nextSibling : live.firstChild;
    const expected = skipForeign(next, left);
    if (node !== expected) live.insertBefore(node, expected);
    place = node;
  }
  for (const one of left) one.remove();
}

// What scripts added, and what is about to go, is no reason to move what stays.
function skipForeign(node, leaving) {
  let one = node;
  while (one && (!mine(one) || leaving.includes(one))) one = one.nextSibling;
  return one;
}

/** Take an element for a script's own: it stays, whatever the server says, until a script removes it. */
export const disown = (element) => said.delete(element);

/** Whether an element was said by the server, as far as is known here. */
export const adopted = (element) => said.has(element);

/** Bring `live`, an element of the page, to what `now` says, an element fresh from the server and used up by this. */
export function patch(live, now) {
  if (!said.has(live)) adopt(live);
  patchAttributes(live, now);
  patchChildren(live, now);
}
