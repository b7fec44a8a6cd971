// The live journal: what happened, newest first, and why.
const rows = document.getElementById("events");
const state = document.getElementById("state");
const form = document.getElementById("filter");
const KEPT_ROWS = 500;
let source;

function cell(row, text) {
  const td = row.insertCell();
  td.textContent = text ?? "";
  return td;
}

function show(event) {
  const row = rows.insertRow(0);
  if (/refused|rejected|malformed|failed|dropped/.test(event.kind)) row.className = "refused";
  cell(row, event.at.slice(11, 23));
  cell(row, event.kind);
  cell(row, event.client);
  cell(row, event.topic);
  const why = cell(row, "");
  const details = document.createElement("details");
  const summary = document.createElement("summary");
  summary.textContent = event.why || "…";
  const whole = document.createElement("pre");
  whole.textContent = JSON.stringify(event, null, 2);
  details.append(summary, whole);
  why.append(details);
  while (rows.rows.length > KEPT_ROWS) rows.deleteRow(-1);
}

function follow() {
  source?.close();
  rows.replaceChildren();
  const query = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (value) query.set(name, value);
  source = new EventSource(`/_thingstead/journal?${query}`);
  source.onopen = () => { state.textContent = "live"; };
  source.onerror = () => { state.textContent = "not connected, or the filter is not valid"; };
  // Events are named by their kind, so one listener a kind; unnamed ones do not occur.
  for (const kind of KINDS) source.addEventListener(kind, (message) => show(JSON.parse(message.data)));
}

const KINDS = [
  "authentication_refused", "connected", "connect_refused", "disconnected", "pinged", "malformed", "published",
  "publish_refused", "subscribed", "subscribe_refused", "unsubscribed", "unsubscribe_refused", "delivered",
  "delivery_refused", "queued", "dropped", "retained", "retained_cleared", "session_ended", "shadow_accepted",
  "shadow_rejected", "rule_matched", "rule_not_matched", "rule_failed", "function_called", "rule_not_found", "action_succeeded",
  "action_failed", "api_call", "request_refused", "admin",
];

form.addEventListener("submit", (event) => { event.preventDefault(); follow(); });
follow();
