// Shadows: which there are, what they say, and who changed what.
import { ask, element, form, go, json, table, time, value } from "./elements.js";

export const title = "Shadows";

export function show(place, parameters) {
  const state = element("p", { role: "status" }, "asking");
  const found = element("div");
  place.append(
    element("h1", {}, title),
    form([["find", "part of a thing's name"]], parameters, "find", (query) => go("shadows", query)),
    state, found);
  const thing = parameters.get("thing");
  const work = thing ? one(found, parameters) : list(found, parameters);
  work.then((text) => { state.textContent = text; }, (error) => { state.textContent = error.message; });
}

async function list(found, parameters) {
  const { shadows } = await ask(`shadows?${parameters}`);
  const { whole, rows } = table("shadows", ["thing", "shadow", "version", "state", "bytes"]);
  whole.id = "shadows";
  rows.append(...shadows.map((shadow) => element("tr", {},
    element("td", {}, link(shadow, shadow.thing)), element("td", {}, shadow.name ?? "classic"),
    element("td", {}, shadow.version), element("td", {}, shadow.has_delta ? "desired and reported differ" : "in step"),
    element("td", {}, shadow.bytes))));
  found.append(whole);
  return shadows.length ? `${shadows.length} shadows` : "no shadow: the first accepted update creates one";
}

async function one(found, parameters) {
  const thing = parameters.get("thing");
  const query = new URLSearchParams(parameters);
  query.delete("thing");
  query.delete("find");
  const { shadows } = await ask(`shadows?${new URLSearchParams({ thing })}`);
  const siblings = shadows.map((shadow) => element("li", {}, link(shadow, shadow.name ?? "classic")));
  found.append(element("h2", {}, thing), element("ul", { class: "inline", "aria-label": "shadows of the thing" }, ...siblings));
  const shadow = await ask(`shadows/${encodeURIComponent(thing)}?${query}`);
  const { whole, rows } = table("versions, newest first", ["time", "version", "what", "by", "changed"]);
  whole.id = "versions";
  rows.append(...shadow.versions.map(version));
  found.append(
    element("h3", {}, shadow.name ?? "classic shadow"), whole,
    element("h3", {}, "now"), shadow.document ? json(shadow.document.state) : element("p", {}, "it was deleted"));
  return shadow.document ? `version ${shadow.document.version}` : "deleted";
}

function version(it) {
  const changes = it.changes.map((member) => element("li", {},
    element("code", {}, member.path), ": ", value(member.before), " → ", value(member.after)));
  return element("tr", {},
    element("td", {}, time(it.at)), element("td", {}, it.version), element("td", {}, `${it.change} over ${it.via}`),
    element("td", {}, it.client ?? it.principal ?? it.via),
    element("td", {}, changes.length ? element("ul", {}, ...changes) : "nothing: it was set already"));
}

function link(shadow, text) {
  const query = new URLSearchParams({ thing: shadow.thing, account: shadow.account, region: shadow.region });
  if (shadow.name) query.set("name", shadow.name);
  return element("a", { href: `#shadows?${query}` }, text);
}
