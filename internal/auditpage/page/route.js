// The part of the address after "#" selects the view: #/findings?severity=high, #/model/NAME?version=7. It also
// contains the search and the filters, so that a view can be shared.

const views = new Map([
  ["", ["Overview", overview]],
  ["findings", ["Findings", findingsView]],
  ["models", ["Models", modelsView]],
  ["versions", ["Versions", versionsView]],
  ["inventory", ["Inventory", inventoryView]],
  ["exceptions", ["Exceptions", exceptionsView]],
]);

const main = document.getElementById("content");

function route() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?", 2);
  const state = Object.fromEntries(new URLSearchParams(query));
  const changed = (now) => {
    const text = new URLSearchParams(now).toString();
    try {
      history.replaceState(null, "", `#/${path}${text && "?" + text}`);
    } catch {
      // Browsers allow only one or two hundred changes in half a minute.
    }
  };
  const [part, name] = [path.split("/", 1)[0], decoded(path.slice(path.indexOf("/") + 1))];
  const model = part === "model" ? audit.byName.get(name) : null;
  const [title, view] = model
    ? [plain(model.name), () => modelView(model, state, changed)]
    : (views.get(path) ?? ["Not found", () => missing(name)]);
  main.replaceChildren(...view(state, changed).flat(Infinity).filter(Boolean));
  document.title = `${title} – MLflow registry audit`;
  for (const link of document.querySelectorAll("#parts a")) {
    if (link.getAttribute("href") === `#/${part === "model" ? "models" : part}`)
      link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const missing = (name) => [
  el("h1", { tabindex: -1 }, "Not found"),
  para(
    null,
    "This audit has no model ",
    data(name || "of this name"),
    ". ",
    el("a", { href: "#/models" }, "All models"),
  ),
];

function frame() {
  const t = audit.totals;
  const n = {
    findings: audit.findings.filter(({ open }) => open).length,
    models: audit.models.length,
    versions: audit.versions.length,
    inventory: audit.inventory.length,
    exceptions: audit.exceptions.filter(({ state }) => state === "open").length,
  };
  fill(
    document.getElementById("parts"),
    {},
    [...views].map(([path, [title]]) =>
      el("a", { href: `#/${path}` }, title, path in n && span("n", " " + number(n[path]))),
    ),
  );
  fill(document.getElementById("foot"), {}, [
    `Scope: ${t.scope === "all" ? "all versions" : "live versions"}. Times are UTC. Written by mlflow-promote on `,
    time(audit.end),
    ". This page loads nothing from the network, and its links lead only to ",
    t.server ? code(mlflow || t.server) : "the MLflow server",
    ".",
  ]);
}

// warm builds the text to search in while the browser is idle.
function warm(rows, text, from = 0) {
  const idle = globalThis.requestIdleCallback ?? ((run) => setTimeout(run, 50));
  idle((deadline) => {
    do {
      for (const to = Math.min(rows.length, from + 500); from < to; from++) text(rows[from]);
    } while (from < rows.length && (deadline?.timeRemaining?.() ?? 0) > 4);
    if (from < rows.length) warm(rows, text, from);
  });
}

const fail = (title, why) => main.replaceChildren(el("h1", null, title), para("notice", why));

function start() {
  if (!document.getElementById("totals")) {
    return fail("This page is incomplete", "The audit was interrupted while it wrote this file. Run it again.");
  }
  try {
    read();
  } catch (error) {
    return fail("This page cannot be shown", [
      `Its data is damaged (${error.message}). `,
      "A possible cause is a password that is an ordinary word: it is hidden wherever it occurs in the data.",
    ]);
  }
  frame();
  route();
  addEventListener("hashchange", () => {
    if (!/^#(\/|$)/.test(location.hash) && location.hash !== "") return;
    route();
    scrollTo(0, 0);
    main.querySelector("h1")?.focus({ preventScroll: true });
  });
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    main.focus();
  });
  addEventListener("keydown", (event) => {
    if (
      event.key !== "/" ||
      event.ctrlKey ||
      event.metaKey ||
      event.altKey ||
      /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)
    )
      return;
    const search = main.querySelector("input[type=search]");
    if (!search) return;
    event.preventDefault();
    search.focus();
    search.select();
  });
  warm(audit.findings, findingText);
  warm(audit.versions, versionText);
}

start();
