// What rule actions sent, and what came back.
import { ask, element, form, go, json, table } from "./elements.js";

export const title = "Deliveries";

export function show(place, parameters) {
  const state = element("p", { role: "status" }, "asking");
  const { whole, rows } = table("deliveries, newest first", ["rule", "action", "outcome", "attempts", "request and response"]);
  place.append(
    element("h1", {}, title),
    form([["rule", "rule"]], parameters, "show", (query) => go("deliveries", query)),
    state, whole);
  ask(`deliveries?${parameters}`).then(({ deliveries }) => {
    state.textContent = deliveries.length ? `${deliveries.length} deliveries` : "no rule action has run yet";
    rows.append(...deliveries.reverse().map((delivery) => element("tr", {},
      element("td", {}, delivery.rule), element("td", {}, text(delivery.action)), element("td", {}, text(delivery.outcome)),
      element("td", {}, text(delivery.attempts)),
      element("td", {}, element("details", {}, element("summary", {}, "show"),
        json({ request: delivery.request, response: delivery.response }))))));
  }).catch((error) => { state.textContent = error.message; });
}

function text(of) {
  return typeof of === "string" ? of : JSON.stringify(of);
}
