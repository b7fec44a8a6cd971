// Where the server listens, and the commands to begin with.
import { ask, element, table } from "./elements.js";

export const title = "Endpoints";
const NAMES = {
  mqtts: "MQTT with a client certificate", https: "HTTPS and MQTT over WebSocket", api: "AWS APIs, admin API, console",
  mqtt: "plain MQTT, for protocol tests",
};

export function show(place) {
  const state = element("p", { role: "status" }, "asking");
  const { whole, rows } = table("addresses", ["what", "addresses"]);
  const commands = element("pre");
  place.append(element("h1", {}, title), state, whole, element("h2", {}, "To begin with"), commands,
    element("p", {}, element("a", { href: "/_thingstead/ca.pem", download: "root-ca.pem" }, "the root certificate"), ", ",
      element("a", { href: "/metrics" }, "metrics")));
  Promise.all([ask("endpoints"), ask("health")]).then(([endpoints]) => {
    rows.append(...Object.entries(NAMES).map(([name, what]) => element("tr", {},
      element("td", {}, what), element("td", {}, element("code", {}, endpoints.all[name].join(", ") || "off")))));
    commands.textContent = [
      "thingstead device create lamp-1",
      `aws iot list-things --endpoint-url http://${endpoints.api}`,
      "thingstead why lamp-1",
    ].join("\n");
    state.textContent = "the server is ready";
  }).catch((error) => { state.textContent = error.message; });
}
