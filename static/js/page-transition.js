// Read before anything is shown: pages cross over into each other, and where one of the two is too early, too late or takes
// no part, the browser calls that off and says so by a refusal. Nothing is lost by it, so it is no fault.
for (const moment of ["pageswap", "pagereveal"]) {
  addEventListener(moment, (event) => event.viewTransition?.ready.catch(() => {}));
}
addEventListener("unhandledrejection", (event) => {
  if (/^Transition was (aborted|skipped)/.test(event.reason?.message ?? "")) event.preventDefault();
});
