// The live journal: what happened, newest first, and why.
import { element, form, go, json, table, time } from "./elements.js";
import { KINDS } from "./kinds.js";

export const title = "Journal";
const KEPT_ROWS = 500;

export function show(place, parameters) {
  const state = element("p", { role: "status", id: "state" }, "connecting");
  const { whole, rows } = table("events, newest first", ["time", "what", "client", "topic", "why"]);
  whole.id = "events";
  const filter = form([
    ["client", "client"], ["thing", "thing"], ["topic", "topic filter"], ["kind", "kind", KINDS],
  ], parameters, "show", (query) => go("journal", query));
  place.append(element("h1", {}, title), filter, state, whole);

  const source = new EventSource(`/_thingstead/journal?${parameters}`);
  source.onopen = () => { state.textContent = "live"; };
  source.onerror = () => { state.textContent = "not connected, or the filter is not valid"; };
  // Events are named by their kind, so one listener a kind; unnamed ones do not occur.
  for (const kind of KINDS) source.addEventListener(kind, (message) => add(rows, JSON.parse(message.data)));
  return () => source.close();
}

function add(rows, event) {
  const refused = /refused|rejected|malformed|failed|dropped/.test(event.kind);
  const client = event.client
    ? element("a", { href: `#explanations?${new URLSearchParams({ client: event.client })}` }, event.client) : "";
  const details = element("details", {},
    element("summary", {}, event.why || preview(event.payload)),
    refused && fix(event) ? element("p", { class: "fix" }, element("strong", {}, "fix: "), fix(event)) : null);
  // The whole event is only written out for who asks.
  details.addEventListener("toggle", () => details.append(json(event)), { once: true });
  rows.prepend(element("tr", refused ? { class: "refused" } : {},
    element("td", {}, time(event.at)), element("td", {}, event.kind), element("td", { class: "client" }, client),
    element("td", { class: "topic" }, event.topic ?? ""), element("td", {}, details)));
  while (rows.rows.length > KEPT_ROWS) rows.deleteRow(-1);
}

// What is shown of an event that needs no reason.
function preview(payload) {
  if (payload === null || payload === undefined) return "…";
  const text = typeof payload === "string" ? payload : JSON.stringify(payload);
  return text.length > 120 ? `${text.slice(0, 120)}…` : text || "…";
}

function fix(event) {
  return event.fix ?? event.decision?.fix;
}
