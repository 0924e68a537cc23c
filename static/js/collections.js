// Arranging a collection: by dragging, and by the keyboard. Without it every picture has its buttons.

const form = document.querySelector("[data-arrange]");
const said = form?.querySelector("[data-said]");
const entries = () => [...form.querySelectorAll("[data-list] > li")];
const entryOf = (target) => target.closest?.("[data-list] > li");

function tell(words) {
  if (said) said.textContent = words;
}

function tellPlace(entry) {
  const all = entries();
  tell(form.dataset.moved.replace("%(place)s", all.indexOf(entry) + 1).replace("%(count)s", all.length));
}

// Requests go one after another, in the order of the moves: the server must see the same order as the reader.
let last = Promise.resolve();

function send(fields) {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) body.set(name, value);
  body.set("csrfmiddlewaretoken", form.querySelector("[name=csrfmiddlewaretoken]").value);
  last = last.then(async () => {
    const answer = await fetch(form.action, { method: "POST", body, headers: { "X-Requested-With": "fetch" } });
    if (!answer.ok) throw new Error(String(answer.status));
  });
  form.setAttribute("aria-busy", "true");
  const mine = last;
  last.then(
    () => mine === last && form.removeAttribute("aria-busy"),
    () => {
      // The order on the page is no longer the true one: read it again, and say why.
      sessionStorage.setItem("arrange-lost", form.dataset.lost);
      location.reload();
    },
  );
}

/** Tell the server where an entry stands now, by its neighbour. */
function settle(entry) {
  const before = entry.nextElementSibling?.dataset.id;
  const after = entry.previousElementSibling?.dataset.id;
  if (before) send({ item: entry.dataset.id, before });
  else if (after) send({ item: entry.dataset.id, after });
  tellPlace(entry);
}

/** Put an entry before another one, or at the end of that one's list. */
function place(entry, target, after) {
  if (after) target.after(entry);
  else target.before(entry);
}

// ---- By the keyboard --------------------------------------------------------------------------------------

function inRow(entry, down) {
  const box = entry.getBoundingClientRect();
  const middle = (one) => (one.left + one.right) / 2;
  const others = entries()
    .filter((one) => one !== entry)
    .map((one) => ({ one, at: one.getBoundingClientRect() }))
    .filter(({ at }) => (down ? at.top > box.top + 8 : at.top < box.top - 8));
  const far = ({ at }) => Math.abs(at.top - box.top) * 4 + Math.abs(middle(at) - middle(box));
  return others.sort((a, b) => far(a) - far(b))[0]?.one;
}

function nearTo(entry, key) {
  const all = entries();
  const index = all.indexOf(entry);
  const turn = getComputedStyle(form).direction === "rtl" ? -1 : 1;
  if (key === "ArrowLeft") return all[index - turn];
  if (key === "ArrowRight") return all[index + turn];
  if (key === "ArrowUp") return inRow(entry, false);
  if (key === "ArrowDown") return inRow(entry, true);
  if (key === "Home") return all[0];
  if (key === "End") return all.at(-1);
  return undefined;
}

function onKey(event) {
  const entry = event.target.matches(".grip") && entryOf(event.target);
  if (!entry || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (!/^(Arrow(Left|Right|Up|Down)|Home|End)$/.test(event.key)) return;
  event.preventDefault();
  const target = nearTo(entry, event.key);
  if (!target || target === entry) return;
  if (!event.altKey) {
    target.querySelector(".grip").focus();
    return;
  }
  const all = entries();
  const far = event.key === "Home" || event.key === "End";
  place(entry, target, all.indexOf(target) > all.indexOf(entry));
  event.target.focus();
  entry.scrollIntoView({ block: "nearest" });
  // To the very front or end: of all, not only of what is loaded here.
  if (far) {
    send({ [event.key === "Home" ? "first" : "last"]: entry.dataset.id });
    tellPlace(entry);
  } else settle(entry);
}

// ---- By dragging -------------------------------------------------------------------------------------------

const FAR = 6; // pixels before a press becomes a drag
const LONG = 350; // milliseconds a finger rests before it lifts a picture
let drag = null;

function lift(event) {
  const { entry, grip } = drag;
  const box = grip.getBoundingClientRect();
  const ghost = grip.cloneNode(true);
  ghost.classList.add("ghost-print");
  ghost.setAttribute("aria-hidden", "true");
  ghost.style.width = `${box.width}px`;
  ghost.style.height = `${box.height}px`;
  document.body.append(ghost);
  Object.assign(drag, { ghost, by: [drag.x - box.left, drag.y - box.top], home: entry.nextElementSibling, list: entry.parentElement });
  entry.classList.add("lifted");
  grip.setPointerCapture?.(drag.id);
  carry(event.clientX, event.clientY);
}

function carry(x, y) {
  const { ghost, by, entry } = drag;
  drag.at = [x, y];
  ghost.style.left = `${x - by[0]}px`;
  ghost.style.top = `${y - by[1]}px`;
  const over = entryOf(document.elementFromPoint(x, y) ?? document.body);
  if (over && over !== entry) {
    const all = entries();
    place(entry, over, all.indexOf(over) > all.indexOf(entry));
  }
  if (!drag.rolls) roll();
}

/** Near the window's upper or lower edge the page goes on by itself. */
function roll() {
  if (!drag?.ghost) return;
  const y = drag.at[1];
  const edge = 72;
  const by = y < edge ? y - edge : y > innerHeight - edge ? y - innerHeight + edge : 0;
  drag.rolls = by !== 0;
  if (!by) return;
  scrollBy(0, by / 4);
  carry(...drag.at);
  requestAnimationFrame(roll);
}

function drop(keep) {
  const { entry, ghost, home, list, timer, grip } = drag;
  clearTimeout(timer);
  const moved = ghost && keep && entry.nextElementSibling !== home;
  if (ghost) {
    ghost.remove();
    entry.classList.remove("lifted");
    if (!keep) list.insertBefore(entry, home);
  }
  drag = null;
  if (moved) {
    settle(entry);
    grip.focus({ preventScroll: true });
  }
}

function onDown(event) {
  const grip = event.target.closest?.(".grip");
  if (!grip || event.button !== 0 || drag) return;
  drag = { entry: entryOf(grip), grip, id: event.pointerId, x: event.clientX, y: event.clientY, finger: event.pointerType === "touch" };
  // A finger that moves at once scrolls the page; one that rests takes the picture.
  if (drag.finger) drag.timer = setTimeout(() => drag && !drag.ghost && lift(event), LONG);
}

function onMove(event) {
  if (!drag || event.pointerId !== drag.id) return;
  if (drag.ghost) return carry(event.clientX, event.clientY);
  if (Math.hypot(event.clientX - drag.x, event.clientY - drag.y) < FAR) return;
  if (drag.finger) drop(false);
  else lift(event);
}

if (form) {
  form.addEventListener("keydown", onKey);
  form.addEventListener("pointerdown", onDown);
  document.addEventListener("pointermove", onMove);
  document.addEventListener("pointerup", (event) => drag?.id === event.pointerId && drop(true));
  document.addEventListener("pointercancel", (event) => drag?.id === event.pointerId && drop(false));
  document.addEventListener("keydown", (event) => event.key === "Escape" && drag?.ghost && drop(false));
  // While a finger carries a picture the page must not scroll under it.
  form.addEventListener("touchmove", (event) => drag?.ghost && event.preventDefault(), { passive: false });
  form.addEventListener("contextmenu", (event) => drag?.finger && event.preventDefault());
  // The buttons beneath do the same as the keys, without a new page.
  form.addEventListener("click", (event) => {
    const button = event.target.closest("button[name]");
    if (!button || button.hasAttribute("formaction")) return;
    event.preventDefault();
    const entry = entryOf(button);
    const all = entries();
    const index = all.indexOf(entry);
    const target = { first: all[0], last: all.at(-1), earlier: all[index - 1], later: all[index + 1] }[button.name];
    if (target && target !== entry) {
      place(entry, target, all.indexOf(target) > index);
      button.focus();
      entry.scrollIntoView({ block: "nearest" });
    }
    send({ [button.name]: entry.dataset.id });
    tellPlace(entry);
  });
  const lost = sessionStorage.getItem("arrange-lost");
  if (lost) {
    sessionStorage.removeItem("arrange-lost");
    // For everybody to see, not only to hear.
    said?.classList.replace("hush", "lost");
    tell(lost);
  }
}
