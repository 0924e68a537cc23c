// What was asked for and did not work is said, with the sentence of the server's error page where there is one.

/** Say it as a toast: in the dialog that is open, since nothing behind one can be reached. */
export function sayFailed(words = "") {
  const toast = document.getElementById("toast-not-done")?.content.firstElementChild?.cloneNode(true);
  const dialog = [...document.querySelectorAll("dialog:modal")].pop();
  const place = dialog ?? document.getElementById("toasts");
  if (!toast || !place) return;
  if (words) toast.querySelector("span").textContent = words;
  // The newest is enough: who presses five times reads it once.
  for (const old of document.querySelectorAll(".toast.not-done")) old.remove();
  dialog?.addEventListener("close", () => toast.remove(), { once: true });
  place.append(toast);
}

function sentence(answer) {
  if (!answer.getResponseHeader("Content-Type")?.startsWith("text/html")) return "";
  const page = new DOMParser().parseFromString(answer.responseText, "text/html");
  return page.querySelector("body.error-page h1")?.textContent.trim() ?? "";
}

// What the page asks for by itself, to be up to date, is asked again in a while; nobody pressed anything.
document.addEventListener("htmx:responseError", ({ detail }) => {
  if (detail.requestConfig.verb === "post" && !detail.elt.matches("[data-by-itself]")) sayFailed(sentence(detail.xhr));
});
