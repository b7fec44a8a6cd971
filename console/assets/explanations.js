// Why a client was refused or allowed, and what would fix it.
import { ask, element, form, go, json, time, value } from "./elements.js";

export const title = "Explanations";

export function show(place, parameters) {
  const state = element("p", { role: "status" }, "asking");
  const list = element("section", { "aria-label": "explanations" });
  place.append(
    element("h1", {}, title),
    form([["client", "client"], ["certificate", "certificate id"], ["outcome", "outcome", ["denied"]]],
      parameters, "explain", (query) => go("explanations", query)),
    state, list);
  ask(`explain?${parameters}`).then((answer) => {
    const { explanations, shadow_changes: changes = [] } = answer;
    state.textContent = explanations.length ? `${explanations.length}, newest first` : "nothing was decided that matches";
    list.append(...explanations.map(explanation));
    if (changes.length) list.append(element("h2", {}, "Shadows, what changed last"), ...changes.map(change));
  }).catch((error) => { state.textContent = error.message; });
}

function explanation(it) {
  const refused = it.outcome !== "ALLOWED";
  const because = it.because.length
    ? element("ul", {}, ...it.because.map((statement) => element("li", {}, sentence(statement)))) : null;
  const misses = it.near_misses.length ? element("details", {},
    element("summary", {}, it.near_misses.length === 1 ? "a statement that nearly matched" : `${it.near_misses.length} statements that nearly matched`),
    element("ul", {}, ...it.near_misses.map((miss) => element("li", {}, `${sentence(miss.statement)}: ${miss.why}`)))) : null;
  const variables = Object.keys(it.variables ?? {}).length
    ? element("details", {}, element("summary", {}, "variables"), json(it.variables)) : null;
  return element("article", { class: refused ? "refused" : "allowed" },
    element("h2", {}, time(it.at), ` ${it.asked?.action ?? it.kind} – ${it.outcome}`),
    element("p", {}, element("code", {}, it.asked?.resource ?? "")),
    element("p", { class: "why" }, it.why || ""),
    it.fix ? element("p", { class: "fix" }, element("strong", {}, "fix: "), it.fix) : null,
    because, misses, variables);
}

function sentence(statement) {
  const { policy, version, sid, statement: number } = statement;
  return `policy ${policy} version ${version}, statement ${sid ?? number}`;
}

function change(it) {
  const query = new URLSearchParams({ thing: it.thing, ...(it.name ? { name: it.name } : {}) });
  return element("p", {}, time(it.at), " ",
    element("a", { href: `#shadows?${query}` }, it.name ? `${it.thing} / ${it.name}` : it.thing),
    ` version ${it.version} ${it.change} by ${it.client ?? it.principal ?? it.via}: `,
    ...it.changes.flatMap((member, place) => [
      place ? "; " : "", `${member.path} `, value(member.before), " → ", value(member.after)]));
}
