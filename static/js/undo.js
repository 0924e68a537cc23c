// Ctrl+Z does what the newest toast with a way back would do.

document.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey || event.key.toLowerCase() !== "z") return;
  if (event.target.closest?.("input:not([type=checkbox], [type=range]), textarea, [contenteditable]") || document.querySelector("dialog[open]")) return;
  const newest = [...document.querySelectorAll("#toasts [data-undo]:not([hidden])")].pop();
  if (!newest) return;
  event.preventDefault();
  newest.click();
});
