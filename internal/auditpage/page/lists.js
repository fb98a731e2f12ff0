// The tables of all findings, models and versions.

// The text to search in each row is built once, while the browser is idle, so that the first search is fast.
const remembered = (make) => (row) => (row.text ||= make(row).toLowerCase());

const findingText = remembered(
  ({ rule, severity, model, version, alias, stage, message, fix, fingerprint, accepted, trend }) =>
    [
      model,
      version > 0 && `v${version}`,
      alias && "@" + alias,
      stage,
      rule,
      audit.rules.get(rule)?.title,
      severity,
      message,
      fix,
      fingerprint,
      accepted,
      trend,
    ]
      .filter(Boolean)
      .join("\n"),
);
const modelText = remembered(({ name, description, tags, targets }) =>
  [name, description, ...tags, ...targets.map(({ ref }) => ref)].join("\n"),
);
const versionText = remembered(({ model, number, refs, stage, status, run, source, description, tags }) =>
  [model.name, `v${number}`, ...refs, stage, status, run, source, description, ...tags].join("\n"),
);

const key = (name) => el("kbd", null, name);
const hint = () => span("hint", key("↑"), " ", key("↓"), " move, ", key("Enter"), " opens, ", key("/"), " searches");

const states = [
  ["open", "open"],
  ["new", "new"],
  ["unchanged", "unchanged"],
  ["fixed", "fixed"],
  ["accepted", "accepted"],
  ["", "all"],
];

function inState({ open, trend, accepted }, state) {
  switch (state) {
    case "open":
      return open;
    case "fixed":
      return trend === "fixed";
    case "accepted":
      return accepted !== "" && trend !== "fixed";
  }
  return open && trend === state;
}

function findingsTable(findings, { state, changed, ofModel = false } = {}) {
  const used = [...new Set(findings.map(({ rule }) => rule))].sort();
  const trends = findings.some(({ trend }) => trend);
  const columns = [
    { key: "severity", title: "Severity", cell: ({ severity }) => badge(severity), value: ({ rank }) => rank },
    !ofModel && {
      key: "where",
      title: "Where",
      cell: place,
      value: ({ model, version }) => model.toLowerCase() + "\0" + String(version).padStart(9, "0"),
    },
    ofModel && {
      key: "where",
      title: "Where",
      cell: ({ version, alias, stage }) =>
        el("b", null, version > 0 && `v${version} `, alias && data("@" + alias), stage && data(stage)),
      value: ({ version }) => version,
    },
    {
      key: "found",
      title: "Finding",
      cell: ({ message, fix, accepted }) => [
        para(null, data(message)),
        fix && para("fix", "Fix: ", data(fix)),
        accepted && para("fix", "Accepted: ", data(accepted)),
      ],
      value: ({ message }) => message,
    },
    {
      key: "rule",
      title: "Rule",
      cell: ({ rule, file, line }) => [
        span("code", data(rule)),
        file && para("fix", data(file), line > 0 && `:${line}`),
      ],
      value: ({ rule }) => rule,
    },
    trends && {
      key: "trend",
      title: "Trend",
      cell: ({ trend }) => (trend ? plain(trend) : none()),
      value: ({ trend }) => trend,
    },
  ].filter(Boolean);
  return table({
    name: "findings",
    one: "finding",
    columns,
    rows: findings.toSorted(worstFirst),
    text: findingText,
    state,
    changed,
    note: hint(),
    filters: [
      { key: "state", title: "State", options: states, test: inState },
      {
        key: "severity",
        title: "Severity",
        options: [["", "any"], ...severities.map((severity) => [severity, severity])],
        test: ({ severity }, wanted) => severity === wanted,
      },
      used.length > 1 && {
        key: "rule",
        title: "Rule",
        options: [["", "any"], ...used.map((rule) => [rule, plain(rule)])],
        test: ({ rule }, wanted) => rule === wanted,
      },
    ].filter(Boolean),
    link: ({ of, version }) => of && (version > 0 ? versionHash(of.name, version) : modelHash(of.name)),
    empty: "No findings.",
  });
}

function findingsView(state, changed) {
  const about = el("div");
  const explain = ({ rule }) => {
    const known = audit.rules.get(rule);
    about.replaceChildren(
      ...(known
        ? [
            el(
              "section",
              { class: "card" },
              el("h2", null, data(known.title)),
              para(null, data(known.why)),
              para(null, el("b", null, "How to fix: "), data(known.fix)),
            ),
          ]
        : []),
    );
  };
  explain(state);
  return [
    el("h1", { tabindex: -1 }, "Findings"),
    about,
    findingsTable(audit.findings, {
      state,
      changed: (now) => {
        explain(now);
        changed(now);
      },
    }),
  ];
}

const refs = (list) => (list.length === 0 ? none() : list.map((ref) => [span("chip", word(ref)), " "]));

// tally shows the number of findings of each severity, leaving out zeros.
const tally = (open) =>
  open.every((n) => n === 0)
    ? none()
    : open.map(
        (n, i) => n > 0 && [span("tally", mark(severities[i]), number(n), span("hidden", ` ${severities[i]}`)), " "],
      );

const lastPromotion = ({ entries }) => entries.findLast(({ outcome }) => outcome === "done")?.ended ?? 0;

function modelsView(state, changed) {
  const live = audit.totals.scope === "live";
  return [
    el("h1", { tabindex: -1 }, "Models"),
    table({
      name: "models",
      one: "model",
      rows: audit.models,
      text: modelText,
      state,
      changed,
      sort: "-findings",
      note: hint(),
      columns: [
        {
          key: "name",
          title: "Model",
          cell: ({ name, unreadable }) => [modelLink(name), unreadable && para("fix", "not read completely")],
          value: ({ name }) => name.toLowerCase(),
        },
        {
          key: "findings",
          title: "Findings",
          most: true,
          cell: ({ open }) => tally(open),
          value: ({ open }) => open[0] * 1e12 + open[1] * 1e6 + open[2],
        },
        {
          key: "versions",
          title: live ? "Live versions" : "Versions",
          right: true,
          cell: ({ read }) => number(read),
          value: ({ read }) => read,
        },
        {
          key: "named",
          title: "Aliases and stages",
          cell: ({ targets }) => [
            refs(targets.slice(0, 6).map(({ ref, version }) => `${ref} v${version}`)),
            targets.length > 6 && `and ${targets.length - 6} more`,
          ],
        },
        {
          key: "promoted",
          title: "Last promotion (UTC)",
          right: true,
          cell: (model) => (lastPromotion(model) ? time(lastPromotion(model)) : none()),
          value: (model) => lastPromotion(model) || null,
        },
        {
          key: "updated",
          title: "Changed (UTC)",
          right: true,
          cell: ({ updated }) => time(updated),
          value: ({ updated }) => updated || null,
        },
      ],
      link: ({ name }) => modelHash(name),
      empty: "The server has no registered models.",
    }),
  ];
}

function versionsTable(versions, { state, changed, ofModel = false } = {}) {
  const stages = [...new Set(versions.map(({ stage }) => stage))].sort();
  const sizes = versions.some(({ size }) => size > 0);
  return table({
    name: "versions",
    one: "version",
    rows: versions,
    text: versionText,
    state,
    changed,
    note: hint(),
    sort: ofModel ? "-version" : "",
    columns: [
      !ofModel && {
        key: "model",
        title: "Model",
        cell: ({ model }) => modelLink(model.name),
        value: ({ model }) => model.name.toLowerCase(),
      },
      {
        key: "version",
        title: "Version",
        right: true,
        cell: ({ model, number }) => el("a", { href: versionHash(model.name, number) }, `v${number}`),
        value: ({ number }) => number,
      },
      { key: "named", title: "Aliases and stage", cell: ({ refs: list }) => refs(list) },
      {
        key: "findings",
        title: "Findings",
        right: true,
        cell: ({ findings }) => (findings > 0 ? number(findings) : none()),
        value: ({ findings }) => findings,
      },
      {
        key: "stage",
        title: "Stage",
        cell: ({ stage }) => (stage === "None" || stage === "" ? none() : word(stage)),
        value: ({ stage }) => stage,
      },
      {
        key: "created",
        title: "Created (UTC)",
        right: true,
        cell: ({ created }) => time(created),
        value: ({ created }) => created || null,
      },
      { key: "run", title: "Run", cell: ({ run, bare }) => (run ? short(run) : none(bare ? "left out" : "none")) },
      sizes && {
        key: "size",
        title: "Size",
        right: true,
        cell: ({ size }) => (size > 0 ? bytes(size) : none()),
        value: ({ size }) => size || null,
      },
      { key: "about", title: "Description and tags", cell: about },
    ].filter(Boolean),
    filters: [
      {
        key: "live",
        title: "Live",
        options: [
          ["", "any"],
          ["yes", "live"],
          ["no", "not live"],
        ],
        test: ({ live }, wanted) => live === (wanted === "yes"),
      },
      stages.length > 1 && {
        key: "stage",
        title: "Stage",
        options: [["", "any"], ...stages.map((stage) => [stage || "None", plain(stage || "None")])],
        test: ({ stage }, wanted) => (stage || "None") === wanted,
      },
    ].filter(Boolean),
    link: ({ model, number }) => versionHash(model.name, number),
    empty: "No versions were read.",
  });
}

// about shows the beginning of a version's description, and its first tags.
function about({ description, tags, bare }) {
  if (bare) return none("left out");
  const shown = [];
  for (let i = 0; i < Math.min(tags.length, 6); i += 2)
    shown.push([span("tag", data(clip(tags[i])), " = ", data(clip(tags[i + 1]))), " "]);
  if (!description && shown.length === 0) return none();
  return [
    description && para(null, data(clip(description, 120))),
    para("tags", shown, tags.length > 6 && none(`and ${tags.length / 2 - 3} more`)),
  ];
}

const clip = (text, most = 40) => (text.length > most ? text.slice(0, most - 1) + "…" : text);

const versionsView = (state, changed) => [
  el("h1", { tabindex: -1 }, "Versions"),
  versionsTable(audit.versions, { state, changed }),
];
