// The tables of the inventory and of the register of exceptions.

const inventoryText = remembered(({ model, version, ref, owner, verdict, by, approvers, entry, signed }) =>
  [model.name, `v${version}`, ref, owner, verdict, spaced(verdict), by, approvers, entry, signed].join("\n"),
);
const exceptionText = remembered(({ kind, what, model, version, ref, by, why, until, state, entry, signed }) =>
  [kind, spaced(kind), what, model?.name, `v${version}`, ref, by, why, until, state, entry, signed].join("\n"),
);

// spaced shows a value such as report-mode as separate words.
const spaced = (value) => plain(value).replaceAll("-", " ");

// bad lists the verdicts on live versions that need attention.
const bad = new Set(["blocked", "on-hold", "moved-outside"]);
const doubtful = new Set(["ungated", "not-enforced", "not-recorded"]);
const verdictBadge = (verdict) =>
  bad.has(verdict)
    ? el("b", null, mark("high"), spaced(verdict))
    : doubtful.has(verdict)
      ? el("b", null, mark("medium"), spaced(verdict))
      : spaced(verdict);

// An expired exception no longer excuses anything, so it needs attention.
const stateBadge = (state) => (state === "expired" ? el("b", null, mark("medium"), plain(state)) : plain(state));

const or = (text, otherwise) => (text ? data(text) : none(otherwise));

// options lists the values that occur in a column, for use in a filter.
const options = (list, key) => [
  ["", "any"],
  ...[...new Set(list.map((row) => row[key]))].sort().map((v) => [v, spaced(v)]),
];

// record shows the ledger entry and who signed it.
const record = {
  key: "entry",
  title: "Entry, signed by",
  cell: ({ entry, signed }) => (entry ? [short(entry, 16), para("fix", signed ? data(signed) : "not signed")] : none()),
  value: ({ entry }) => entry,
};

const where = {
  key: "where",
  title: "Where",
  cell: ({ model, version, ref }) =>
    model
      ? el(
          "b",
          null,
          modelLink(model.name),
          version > 0 && [" ", el("a", { href: versionHash(model.name, version) }, `v${version}`)],
          ref && [" ", data(ref)],
        )
      : el("b", null, "the server"),
  value: ({ model, ref }) => (model?.name ?? "").toLowerCase() + "\0" + ref,
};

const sinceColumn = {
  key: "since",
  title: "Since (UTC)",
  right: true,
  cell: ({ since }) => (since ? time(since) : none()),
  value: ({ since }) => since || null,
};

const openModel = ({ model, version }) =>
  model && (version > 0 ? versionHash(model.name, version) : modelHash(model.name));

const inventoryView = (state, changed) => [
  el("h1", { tabindex: -1 }, "Inventory"),
  para("note", "Each alias and stage that points to a version, and what the promotion ledger has on record about it."),
  table({
    name: "inventory",
    one: "live version",
    rows: audit.inventory,
    text: inventoryText,
    state,
    changed,
    note: hint(),
    columns: [
      where,
      { key: "owner", title: "Owner", cell: ({ owner }) => or(owner), value: ({ owner }) => owner },
      {
        key: "verdict",
        title: "Verdict",
        cell: ({ verdict }) => verdictBadge(verdict),
        value: ({ verdict }) => verdict,
      },
      {
        key: "by",
        title: "Moved by",
        cell: ({ by, approvers }) => [para(null, or(by)), approvers && para("fix", data(approvers))],
        value: ({ by }) => by,
      },
      sinceColumn,
      record,
    ],
    filters: [
      {
        key: "verdict",
        title: "Verdict",
        options: options(audit.inventory, "verdict"),
        test: ({ verdict }, wanted) => verdict === wanted,
      },
    ],
    link: openModel,
    empty: "No alias or stage points to a version.",
  }),
];

const exceptionsView = (state, changed) => [
  el("h1", { tabindex: -1 }, "Exceptions"),
  para(
    "note",
    "Waivers, overrides, report mode, imports and accepted findings: where somebody decided against a check.",
  ),
  table({
    name: "exceptions",
    one: "exception",
    rows: audit.exceptions,
    text: exceptionText,
    state,
    changed,
    note: hint(),
    columns: [
      {
        key: "kind",
        title: "Exception",
        cell: ({ kind, what }) => [para(null, span("move", spaced(kind))), para("fix", data(what))],
        value: ({ kind, what }) => kind + "\0" + what,
      },
      where,
      { key: "by", title: "By", cell: ({ by }) => or(by), value: ({ by }) => by },
      { key: "why", title: "Why", cell: ({ why }) => or(why), value: ({ why }) => why },
      sinceColumn,
      {
        key: "until",
        title: "Until, state",
        cell: ({ until, state: now }) => [
          para(null, until ? span("move", data(until)) : none("no end")),
          para("fix", stateBadge(now)),
        ],
        value: ({ until }) => until,
      },
      record,
    ],
    filters: [
      {
        key: "state",
        title: "State",
        options: [
          ["open", "open"],
          ["expired", "expired"],
          ["past", "past"],
          ["", "all"],
        ],
        test: ({ state: now }, wanted) => now === wanted,
      },
      {
        key: "kind",
        title: "Kind",
        options: options(audit.exceptions, "kind"),
        test: ({ kind }, wanted) => kind === wanted,
      },
    ],
    link: openModel,
    empty: "No exceptions.",
  }),
];
