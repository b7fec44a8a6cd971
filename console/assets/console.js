// Shows the page that the address names: `#shadows?thing=lamp-1` is the page `shadows` with one parameter.
import * as deliveries from "./deliveries.js";
import * as endpoints from "./endpoints.js";
import * as explanations from "./explanations.js";
import * as journal from "./journal.js";
import * as shadows from "./shadows.js";

const PAGES = { journal, explanations, shadows, deliveries, endpoints };
const place = document.getElementById("page");
let leave;

function show() {
  const [name, query] = location.hash.slice(1).split("?");
  const page = PAGES[name] ? name : "journal";
  leave?.();
  place.replaceChildren();
  for (const link of document.querySelectorAll("nav a")) {
    if (link.getAttribute("href") === `#${page}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${PAGES[page].title} – Thingstead`;
  // A page may answer with what is to be done when it is left.
  leave = PAGES[page].show(place, new URLSearchParams(query ?? ""));
}

addEventListener("hashchange", () => { show(); place.focus(); });
show();
