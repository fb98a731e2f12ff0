// The overview: the worst findings, and the registry in four plots.

function overview() {
  const t = audit.totals;
  const worst = audit.findings.filter((finding) => finding.open).sort(worstFirst);
  return [
    el("h1", { tabindex: -1 }, "Audit of ", t.server ? code(t.server.replace(/^https?:\/\//, "")) : "the registry"),
    para("lead", facts(t)),
    notices(t),
    tiles(t),
    trend(t),
    section(
      worst.length > 10 ? "The ten worst findings" : "Findings",
      worst.length === 0
        ? para("good", [
            `Nothing to report: ${count(audit.rules.size, "rule")} checked `,
            `${count(t.versions, "version")} of ${count(t.models, "model")}.`,
          ])
        : [
            worstList(worst.slice(0, 10)),
            worst.length > 10 && para(null, el("a", { href: "#/findings" }, `All ${number(worst.length)} findings`)),
          ],
    ),
    rulesPlot(worst),
    unjudged(t.not_judged ?? []),
    el("div", { class: "pair" }, sizesPlot(), agesPlot()),
    promotionsPlot(),
  ];
}

// worstFirst orders findings by severity. Among equally severe findings, new ones come first; after that, the order of
// the rules decides.
const worstFirst = (a, b) =>
  a.rank - b.rank || known(a) - known(b) || a.place - b.place || compare(a.model, b.model) || a.version - b.version;
const known = ({ trend }) => (trend === "unchanged" ? 1 : 0);
const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

function facts(t) {
  const took = audit.end - Date.parse(t.began) / 1000;
  const live =
    t.scope === "live"
      ? count(t.versions, "live version")
      : `${count(t.versions, "version")} (${number(t.live_versions)} live)`;
  return [
    `${count(t.models, "model")}, ${live}, ${count(t.aliases, "alias", "aliases")}. Audited on `,
    time(audit.end),
    ` UTC in ${duration(Math.max(1, took))} with ${count(t.requests, "request")}.`,
  ];
}

// notices says what this page does not show.
function notices(t) {
  const unreadable = audit.models.filter((model) => model.unreadable);
  const { details = 0, versions = 0, findings = 0, models = 0 } = audit.left;
  const out = [];
  if (unreadable.length > 0) {
    out.push([
      "Not read completely: ",
      unreadable.slice(0, 5).map((model, i) => [i > 0 && ", ", modelLink(model.name)]),
      unreadable.length > 5 && ` and ${number(unreadable.length - 5)} more`,
      ". Their findings may be incomplete.",
    ]);
  }
  if (models + versions + findings + details > 0) {
    const parts = [
      [models, "model"],
      [versions, "version"],
      [findings, "finding"],
    ]
      .filter(([n]) => n > 0)
      .map(([n, one]) => count(n, one));
    out.push([
      "The size of this page is limited. ",
      parts.length > 0 && `Not shown: ${parts.join(", ")}. The counts below include them. `,
      details > 0 && [
        `${count(details, "version")} without findings and aliases ${are(details)} shown without `,
        "description, tags, source and run.",
      ],
    ]);
  }
  return out.map((text) => para("notice", text));
}

// unjudged lists what the audit could not check.
function unjudged(gaps) {
  if (gaps.length === 0) return null;
  return section(
    "Not checked",
    para("note", "These models may have defects that are not counted."),
    list(
      "Not checked",
      ["Rule", "Times", "First reason", "First model or version"],
      gaps.map(({ rule, count: n, why, where }) => [
        rule ? ruleLink(rule) : "every rule",
        number(n),
        data(why),
        data(where),
      ]),
      { right: [1] },
    ),
  );
}

const ruleLink = (id) =>
  el("a", { href: `#/findings?rule=${encodeURIComponent(id)}` }, data(audit.rules.get(id)?.title ?? id));

function tiles(t) {
  const tile = (severity) =>
    el(
      "a",
      { class: `tile t-${severity}`, href: `#/findings?severity=${severity}` },
      el("b", null, number(t.findings?.[severity] ?? 0)),
      el("span", null, mark(severity), severity),
    );
  return el(
    "div",
    { class: "tiles", role: "group", "aria-label": "Findings by severity" },
    severities.map(tile),
    t.accepted > 0 &&
      el(
        "a",
        { class: "tile", href: "#/findings?state=accepted" },
        el("b", null, number(t.accepted)),
        el("span", null, "accepted"),
      ),
    openExceptions() > 0 &&
      el(
        "a",
        { class: "tile", href: "#/exceptions" },
        el("b", null, number(openExceptions())),
        el("span", null, "open exceptions"),
      ),
  );
}

// openExceptions counts all open exceptions, including those that are not on the page.
const openExceptions = () => Object.values(audit.totals.open_exceptions ?? {}).reduce((sum, n) => sum + n, 0);

function trend(t) {
  if (!t.baseline) return para("note", "Without a baseline, new findings are not marked.");
  return para(
    "note",
    "Compared with the baseline: ",
    el("a", { href: "#/findings?state=new" }, `${number(t.new)} new`),
    ", ",
    el("a", { href: "#/findings?state=fixed" }, `${number(t.fixed)} fixed`),
    ".",
  );
}

function worstList(findings) {
  return el(
    "ol",
    { class: "worst" },
    findings.map((finding) =>
      el(
        "li",
        null,
        badge(finding.severity),
        el(
          "div",
          null,
          para(null, place(finding), ": ", data(finding.message)),
          finding.fix && para("fix", "Fix: ", data(finding.fix)),
        ),
      ),
    ),
  );
}

// place shows what a finding is about.
function place({ model, version, alias, stage, of }) {
  if (!model) return el("b", null, "the server");
  return el(
    "b",
    null,
    of ? modelLink(model) : word(model),
    version > 0 && [" ", of ? el("a", { href: versionHash(model, version) }, `v${version}`) : `v${version}`],
    alias && [" ", data("@" + alias)],
    stage && [" ", data(stage)],
  );
}
