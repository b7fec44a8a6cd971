// Making elements; text is always text, never markup.

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (attribute.startsWith("on")) made.addEventListener(attribute.slice(2), value);
    else if (value === true) made.setAttribute(attribute, "");
    else if (value !== undefined && value !== null && value !== false) made.setAttribute(attribute, value);
  }
  made.append(...children.filter((child) => child !== undefined && child !== null));
  return made;
}

// A table with a caption for those who do not see where it stands; `rows` is its body, to be filled.
export function table(caption, columns) {
  const rows = element("tbody");
  const head = element("tr", {}, ...columns.map((column) => element("th", { scope: "col" }, column)));
  const whole = element("table", {}, element("caption", {}, caption), element("thead", {}, head), rows);
  return { whole, rows };
}

// A form of labelled inputs; `then` gets the filled ones whenever it is sent.
export function form(fields, parameters, button, then) {
  const inputs = fields.map(([name, label, options]) => {
    const id = `field-${name}`;
    const value = parameters.get(name) ?? "";
    const input = options
      ? element("select", { id, name }, ...["", ...options].map((option) => (
        element("option", { value: option, selected: option === value }, option || "any"))))
      : element("input", { id, name, value, autocomplete: "off", spellcheck: "false" });
    return element("p", {}, element("label", { for: id }, label), input);
  });
  const made = element("form", {}, ...inputs, element("button", {}, button));
  made.addEventListener("submit", (event) => { event.preventDefault(); then(filled(made)); });
  return made;
}

export function filled(made) {
  const query = new URLSearchParams();
  for (const [name, value] of new FormData(made)) if (value) query.set(name, value);
  return query;
}

// Goes to a page with parameters; the same place again shows it anew.
export function go(page, query) {
  const hash = `#${page}${query.size ? `?${query}` : ""}`;
  if (location.hash === hash) dispatchEvent(new HashChangeEvent("hashchange"));
  else location.hash = hash;
}

export function json(value) {
  return element("pre", {}, JSON.stringify(value, null, 2));
}

export function value(of) {
  return of === undefined ? element("em", {}, "nothing") : element("code", {}, JSON.stringify(of));
}

export function time(at) {
  return element("time", { datetime: at, title: at }, at.slice(11, 23));
}

// Asks the admin API; a refusal is shown in its own words.
export async function ask(path) {
  const answer = await fetch(`/_thingstead/${path}`);
  const content = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(content.error ?? `${answer.status} ${answer.statusText}`);
  return content;
}
