// Text from outside reaches the document only through this file, as text nodes with invisible characters made visible.
// Links lead only to the MLflow server or to another place on this page.

const SVG = "http://www.w3.org/2000/svg";

let mlflow = ""; // MLflow's address; "" = no links

// el creates an HTML element: el("p", {class: "x"}, "text", element, null). If an attribute is a function, it handles
// the event of that name. Attributes that are null or false are left out.
const el = (name, attributes, ...children) => fill(document.createElement(name), attributes, children);

// svg creates an SVG element in the same way.
const svg = (name, attributes, ...children) => fill(document.createElementNS(SVG, name), attributes, children);

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (name === "href" && !mayLink(value)) continue;
    else if (value !== null && value !== undefined && value !== false)
      element.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
  return element;
}

// Common elements.
const para = (kind, ...children) => el("p", { class: kind }, children);
const span = (kind, ...children) => el("span", { class: kind }, children);
const section = (title, ...children) => el("section", null, el("h2", null, title), children);

const mayLink = (href) => href.startsWith("#") || (mlflow !== "" && href.startsWith(mlflow + "/#/"));

// Characters that are invisible or change the order of a line: controls, format characters (bidirectional overrides, zero
// widths), line and paragraph separators, private use, lone surrogates, and replacements for invalid UTF-8.
const odd = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}\uFFFD]/u;
const oddOnes = new RegExp(odd, "gu");

const codePoint = (c) => "U+" + c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");

// plain makes text from outside safe as a string, for titles, labels and options.
const plain = (text) => text.replace(oddOnes, (c) => `‹${codePoint(c)}›`);

// data creates an element with text from outside. The text is isolated, so that its direction does not affect other
// text.
function data(text, attributes) {
  if (!odd.test(text)) return el("bdi", { class: "data", ...attributes }, text);
  const parts = [];
  let from = 0;
  for (const found of text.matchAll(oddOnes)) {
    if (found[0] === "\n" && attributes?.class === "prose") continue;
    parts.push(text.slice(from, found.index), span("odd", codePoint(found[0])));
    from = found.index + found[0].length;
  }
  return el("bdi", { class: "data", ...attributes }, parts, text.slice(from));
}

const code = (text) => data(text, { class: "data code" });

// word creates an element for a name, which stays on one line if there is room.
const word = (text) => data(text, { class: "data word" });

// address creates an element for an address, without a link. The address may wrap after any slash.
const address = (text) =>
  el(
    "bdi",
    { class: "data word" },
    plain(text)
      .replace(/^https:\/\//, "")
      .split(/(?<=\/)/)
      .map((part) => [part, el("wbr")]),
  );

// short shows the first characters of an identifier, with the whole identifier as its title.
const short = (id, length = 8) =>
  id.length <= length + 2
    ? code(id)
    : el("abbr", { class: "code", title: plain(id) }, plain(id.slice(0, length)) + "…");

// Links to MLflow, or plain text if its address is unknown.
const modelURL = (name) => `${mlflow}/#/models/${encodeURIComponent(name)}`;
const versionURL = (name, number) => `${modelURL(name)}/versions/${number}`;
const runURL = (run) =>
  `${mlflow}/#/experiments/${encodeURIComponent(run.experiment)}/runs/${encodeURIComponent(run.id)}`;

const outside = (href, ...text) =>
  mlflow ? el("a", { href, class: "outside", rel: "noreferrer", target: "_blank" }, text) : el("span", null, text);

// Links within the page.
const modelHash = (name) => `#/model/${encodeURIComponent(name)}`;
const versionHash = (name, number) => `${modelHash(name)}?version=${number}`;
const modelLink = (name) => el("a", { href: modelHash(name) }, word(name));

const numbers = new Intl.NumberFormat("en");
const number = (n) => numbers.format(n);
const are = (n) => (n === 1 ? "is" : "are");
const count = (n, one, many = one + "s") => `${number(n)} ${n === 1 ? one : many}`;

// Times are Unix seconds; 0 is unknown.
const iso = (seconds) => new Date(seconds * 1000).toISOString();
const day = (seconds) => iso(seconds).slice(0, 10);
const minute = (seconds) => iso(seconds).slice(0, 16).replace("T", " ");
const time = (seconds) =>
  seconds ? el("time", { datetime: iso(seconds), title: iso(seconds) }, minute(seconds)) : span("none", "unknown");

const DAY = 86400;

// duration formats a length of time in a suitable unit.
function duration(seconds) {
  const units = [
    ["second", 1, 90],
    ["minute", 60, 90 * 60],
    ["hour", 3600, 2 * DAY],
    ["day", DAY, 60 * DAY],
    ["month", 30.44 * DAY, 730 * DAY],
  ];
  for (const [unit, length, below] of units) {
    if (seconds < below) return count(Math.round(seconds / length), unit);
  }
  return `${(seconds / (365.25 * DAY)).toFixed(1)} years`;
}

function bytes(n) {
  for (const unit of ["B", "kB", "MB", "GB"]) {
    if (n < 1000) return `${unit === "B" ? n : n.toPrecision(3)} ${unit}`;
    n /= 1000;
  }
  return `${n.toPrecision(3)} TB`;
}

const none = (text = "–") => span("none", text);
