// The reference of the API: opens what a link leads to.

import "../account.js";

function open() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!(target instanceof HTMLDetailsElement)) return;
  target.open = true;
  target.scrollIntoView({ block: "start" });
}

addEventListener("hashchange", open);
// A second click on the same link changes nothing in the address.
document.addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest("a[href^='#']") : null;
  if (link instanceof HTMLAnchorElement && link.hash === location.hash) open();
});
open();
