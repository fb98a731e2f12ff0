// The first view: what was found, worst first, and the registry in four plots.

function overview() {
  const t = audit.totals;
  const worst = audit.findings.filter((finding) => finding.open).sort(worstFirst);
  return [
    el("h1", { tabindex: -1 }, "Audit of ", t.server ? code(t.server.replace(/^https?:\/\//, "")) : "the registry"),
    el("p", { class: "lead" }, facts(t)),
    notices(t),
    tiles(t),
    trend(t),
    el("section", null, el("h2", null, worst.length > 10 ? "The worst ten" : "What was found"), worst.length === 0
      ? el("p", { class: "good" }, `Nothing to report: ${count(audit.rules.size, "rule")} looked at ${count(t.versions, "version")} of ${count(t.models, "model")}.`)
      : [worstList(worst.slice(0, 10)), worst.length > 10 && el("p", null, el("a", { href: "#/findings" }, `All ${number(worst.length)} findings`))]),
    rulesPlot(worst),
    unjudged(t.not_judged ?? []),
    el("div", { class: "pair" }, sizesPlot(), agesPlot()),
    promotionsPlot(),
  ];
}

// worstFirst orders by severity, what is new before what is known, then by the order of the rules.
const worstFirst = (a, b) => a.rank - b.rank || known(a) - known(b) || a.place - b.place || compare(a.model, b.model) || a.version - b.version;
const known = ({ trend }) => (trend === "unchanged" ? 1 : 0);
const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

function facts(t) {
  const took = audit.end - Date.parse(t.began) / 1000;
  const live = t.scope === "live" ? `${count(t.versions, "version")} that are live` : `${count(t.versions, "version")}, ${number(t.live_versions)} of them live`;
  return [`${count(t.models, "model")}, ${live}, ${count(t.aliases, "alias", "aliases")}. Read `, time(audit.end), ` UTC in ${span(Math.max(1, took))} with ${count(t.requests, "request")}.`];
}

// notices say what this page does not show.
function notices(t) {
  const unreadable = audit.models.filter((model) => model.unreadable);
  const { details = 0, versions = 0, findings = 0, models = 0 } = audit.left;
  const out = [];
  if (unreadable.length > 0) {
    out.push(["Not read in full: ", unreadable.slice(0, 5).map((model, i) => [i > 0 && ", ", modelLink(model.name)]),
      unreadable.length > 5 && ` and ${number(unreadable.length - 5)} more`, ". Their findings may be incomplete."]);
  }
  if (models + versions + findings + details > 0) {
    const parts = [[models, "model"], [versions, "version"], [findings, "finding"]].filter(([n]) => n > 0).map(([n, one]) => count(n, one));
    out.push(["This page is bounded in size. ", parts.length > 0 && `Not on it: ${parts.join(", ")}; the counts below include them. `,
      details > 0 && `${count(details, "version")} without finding or alias ${details === 1 ? "is" : "are"} shown without description, tags, source and run.`]);
  }
  return out.map((text) => el("p", { class: "notice" }, text));
}

// unjudged says what is not known: nothing of it counts as fine.
function unjudged(gaps) {
  if (gaps.length === 0) return null;
  return el("section", null, el("h2", null, "What could not be judged"), el("p", { class: "note" }, "None of this counts as fine."),
    list("What could not be judged", ["Rule", "How often", "Why, the first time", "Where"], gaps.map(({ rule, count: n, why, where }) =>
      [rule ? ruleLink(rule) : "every rule", number(n), data(why), data(where)]), { right: [1] }));
}

const ruleLink = (id) => el("a", { href: `#/findings?rule=${encodeURIComponent(id)}` }, data(audit.rules.get(id)?.title ?? id));

function tiles(t) {
  const tile = (severity) => el("a", { class: `tile t-${severity}`, href: `#/findings?severity=${severity}` },
    el("b", null, number(t.findings?.[severity] ?? 0)), el("span", null, mark(severity), severity));
  return el("div", { class: "tiles", role: "group", "aria-label": "Findings by severity" }, severities.map(tile),
    t.accepted > 0 && el("a", { class: "tile", href: "#/findings?state=accepted" }, el("b", null, number(t.accepted)), el("span", null, "accepted")));
}

function trend(t) {
  if (!t.baseline) return el("p", { class: "note" }, "No baseline was given, so what is new is not known.");
  return el("p", { class: "note" }, "Against the baseline: ", el("a", { href: "#/findings?state=new" }, `${number(t.new)} new`), ", ",
    el("a", { href: "#/findings?state=fixed" }, `${number(t.fixed)} fixed`), ".");
}

function worstList(findings) {
  return el("ol", { class: "worst" }, findings.map((finding) => el("li", null, badge(finding.severity),
    el("div", null, el("p", null, place(finding), ": ", data(finding.message)), finding.fix && el("p", { class: "fix" }, data(finding.fix))))));
}

// place is what a finding points at.
function place({ model, version, alias, stage, of }) {
  if (!model) return el("b", null, "the server");
  return el("b", null, of ? modelLink(model) : word(model),
    version > 0 && [" ", of ? el("a", { href: versionHash(model, version) }, `v${version}`) : `v${version}`],
    alias && [" ", data("@" + alias)], stage && [" ", data(stage)]);
}

function rulesPlot(open) {
  const tally = new Map();
  for (const { rule, rank } of open) {
    if (!tally.has(rule)) tally.set(rule, [0, 0, 0]);
    tally.get(rule)[rank]++;
  }
  const total = (list) => list[0] + list[1] + list[2];
  const found = [...tally].sort(([, a], [, b]) => Math.sign(b[0]) - Math.sign(a[0]) || Math.sign(b[1]) - Math.sign(a[1]) || total(b) - total(a));
  const silent = [...audit.rules.values()].filter(({ id }) => !tally.has(id));
  const rest = silent.length > 0 && el("details", null, el("summary", null, `${count(silent.length, "rule")} found nothing`),
    el("ul", null, silent.map(({ title, id }) => el("li", null, data(title || id)))));
  if (found.length === 0) return el("section", null, el("h2", null, "Findings by rule"), el("p", { class: "empty" }, "No rule found anything."), rest);
  return plot("Findings by rule and severity", (width) => bars(width, "Findings by rule and severity", found.map(([id, list]) => ({
    label: plain(id), parts: severities.map((severity, i) => ({ value: list[i], style: `f-${severity}`, name: severity })),
  }))), [list("Findings by rule and severity", ["Rule", ...severities],
    found.map(([id, of]) => [ruleLink(id), ...of.map((n) => (n > 0 ? number(n) : none()))]), { right: [1, 2, 3] }), rest]);
}

const doubling = [1, 2, 3, 5, 9, 17, 33, 65, 129, 257, 513, 1025, Infinity];

function sizesPlot() {
  const newest = audit.totals.scope === "live";
  const bins = doubling.slice(0, -1).map((from, i) => ({ from, below: doubling[i + 1], models: 0, versions: 0 }));
  for (const model of audit.models) {
    const n = newest ? model.newest : model.read;
    const bin = bins.find(({ from, below }) => n >= from && n < below);
    if (bin) Object.assign(bin, { models: bin.models + 1, versions: bin.versions + n });
  }
  while (bins.length > 1 && bins.at(-1).models === 0) bins.pop();
  const label = ({ from, below }) => (below === from + 1 ? `${from}` : below === Infinity ? `${from}+` : `${from}–${below - 1}`);
  const title = "Versions per model";
  const empty = audit.models.length - bins.reduce((all, { models }) => all + models, 0);
  return plot(title, (width) => columns(width, title, bins.map((bin) => ({
    label: label(bin), name: `${label(bin)} versions`, parts: [{ value: bin.models, style: "f-plain", name: "models" }],
  }))), list(title, ["Versions", "Models", newest ? "Highest numbers" : "All versions"], bins.filter(({ models }) => models > 0).map((bin) => [label(bin), number(bin.models), number(bin.versions)]), { right: [1, 2] }), {
    note: [newest ? "By each model's highest version number: only live versions were read." : "How many models have so many versions.", empty > 0 && ` ${count(empty, "model")} ${empty === 1 ? "has" : "have"} none.`],
  });
}

const ages = [[7, "under a week"], [30, "under a month"], [91, "under 3 months"], [183, "under 6 months"], [365, "under a year"], [730, "under 2 years"], [Infinity, "2 years and more"]];
const ageLabels = ["<1 wk", "<1 mo", "<3 mo", "<6 mo", "<1 yr", "<2 yr", "2+ yr"];

function agesPlot() {
  const byRef = new Map();
  for (const model of audit.models) {
    for (const { ref, version } of model.holders) {
      const created = model.byNumber.get(version)?.created;
      if (!created) continue;
      if (!byRef.has(ref)) byRef.set(ref, []);
      byRef.get(ref).push((audit.end - created) / DAY);
    }
  }
  const title = "Age of champions";
  const refs = [...byRef].sort(([, a], [, b]) => b.length - a.length).slice(0, 20).map(([ref]) => ref);
  if (refs.length === 0) return el("section", { class: "plot" }, el("h2", null, title), el("p", { class: "empty" }, "No alias and no stage names a version whose age is known."));
  const holder = el("div");
  const show = (ref) => {
    const bins = ages.map(([below, text], i) => ({ below, text, label: ageLabels[i], n: 0 }));
    for (const age of byRef.get(ref)) bins.find(({ below }) => age < below).n++;
    const style = "f-plain";
    holder.replaceChildren(plot(title, (width) => columns(width, `Age of what ${plain(ref)} names`, bins.map(({ label, text, n }) => ({
      label, name: text, parts: [{ value: n, style, name: "versions" }],
    }))), list(`Age of what ${plain(ref)} names`, ["Created", "Versions"], bins.map(({ text, n }) => [text + " ago", number(n)]), { right: [1] }), {
      note: `Of the ${count(byRef.get(ref).length, "version")} that the chosen alias or stage names, by the time since they were created.`,
      tools: el("label", null, el("span", { class: "hidden" }, "Alias or stage"), choice(ref)),
    }));
  };
  const choice = (chosen) => el("select", { change: (event) => { show(event.target.value); holder.querySelector("select").focus(); } },
    refs.map((ref) => el("option", { value: ref, selected: ref === chosen }, plain(ref))));
  show(byRef.has("@champion") ? "@champion" : refs[0]);
  return holder;
}

const outcomes = [["done", "f-done", "done"], ["aborted", "f-aborted", "not completed"], ["", "f-open", "under way or cut off"]];

// promotionsPlot counts the entries of the ledgers by month, or by week or day where they span less.
function promotionsPlot() {
  const title = "Promotions over time";
  const entries = audit.models.flatMap((model) => model.entries).filter(({ ended, at }) => ended || at);
  if (entries.length === 0) {
    return el("section", { class: "plot" }, el("h2", null, title), el("p", { class: "empty" }, "No promotion is recorded in the ledgers that were read."));
  }
  const when = ({ ended, at }) => ended || at;
  const first = entries.reduce((least, entry) => Math.min(least, when(entry)), Infinity);
  const period = periods.find(({ most }) => audit.end - first <= most * DAY);
  const bins = [];
  for (let at = period.begin(first); at <= audit.end || bins.length === 0; at = period.next(at)) bins.push({ at, n: new Map() });
  for (const entry of entries) {
    const bin = bins.findLast(({ at }) => at <= when(entry)) ?? bins[0];
    const key = outcomes.some(([outcome]) => outcome === entry.outcome) ? entry.outcome : "aborted";
    bin.n.set(key, (bin.n.get(key) ?? 0) + 1);
  }
  const used = outcomes.filter(([outcome]) => bins.some(({ n }) => n.has(outcome)));
  return plot(`${title}, by ${period.name}`, (width) => columns(width, title, bins.map(({ at, n }) => ({
    label: period.label(at), name: period.label(at), parts: used.map(([outcome, style, name]) => ({ value: n.get(outcome) ?? 0, style, name })),
  }))), el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Promotions over time as a table" }, list(title, [period.title, ...used.map(([, , name]) => name)],
    bins.toReversed().filter(({ n }) => n.size > 0).map(({ at, n }) => [period.label(at), ...used.map(([outcome]) => number(n.get(outcome) ?? 0))]), { right: [1, 2, 3] })), {
    note: ["Of the newest page of each model's ledger, in UTC.", used.length > 1 && legend(...used.map(([, style, name]) => [style, name]))],
  });
}

const monthOf = (at, plus = 0) => {
  const date = new Date(at * 1000);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + plus, 1) / 1000;
};
const floorTo = (days, offset) => (at) => Math.floor((at / DAY - offset) / days) * days * DAY + offset * DAY;

const periods = [
  { name: "day", title: "Day", most: 31, begin: floorTo(1, 0), next: (at) => at + DAY, label: day },
  { name: "week", title: "Week from", most: 210, begin: floorTo(7, 4), next: (at) => at + 7 * DAY, label: day }, // weeks begin on Monday
  { name: "month", title: "Month", most: 1830, begin: (at) => monthOf(at), next: (at) => monthOf(at, 1), label: (at) => day(at).slice(0, 7) },
  { name: "year", title: "Year", most: Infinity, begin: (at) => Date.UTC(new Date(at * 1000).getUTCFullYear(), 0, 1) / 1000, next: (at) => Date.UTC(new Date(at * 1000).getUTCFullYear() + 1, 0, 1) / 1000, label: (at) => day(at).slice(0, 4) },
];
