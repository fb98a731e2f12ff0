// The four plots of the overview.

function rulesPlot(open) {
  const tally = new Map();
  for (const { rule, rank } of open) {
    if (!tally.has(rule)) tally.set(rule, [0, 0, 0]);
    tally.get(rule)[rank]++;
  }
  const total = (list) => list[0] + list[1] + list[2];
  const found = [...tally].sort(
    ([, a], [, b]) => Math.sign(b[0]) - Math.sign(a[0]) || Math.sign(b[1]) - Math.sign(a[1]) || total(b) - total(a),
  );
  const silent = [...audit.rules.values()].filter(({ id }) => !tally.has(id));
  const rest =
    silent.length > 0 &&
    el(
      "details",
      null,
      el("summary", null, `${count(silent.length, "rule")} found nothing`),
      el(
        "ul",
        null,
        silent.map(({ title, id }) => el("li", null, data(title || id))),
      ),
    );
  if (found.length === 0) return section("Findings by rule", para("empty", "No rule found anything."), rest);
  return plot(
    "Findings by rule and severity",
    (width) =>
      bars(
        width,
        "Findings by rule and severity",
        found.map(([id, list]) => ({
          label: plain(id),
          parts: severities.map((severity, i) => ({ value: list[i], style: `f-${severity}`, name: severity })),
        })),
      ),
    [
      list(
        "Findings by rule and severity",
        ["Rule", ...severities],
        found.map(([id, of]) => [ruleLink(id), ...of.map((n) => (n > 0 ? number(n) : none()))]),
        { right: [1, 2, 3] },
      ),
      rest,
    ],
  );
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
  const label = ({ from, below }) =>
    below === from + 1 ? `${from}` : below === Infinity ? `${from}+` : `${from}–${below - 1}`;
  const title = "Versions per model";
  const empty = audit.models.length - bins.reduce((all, { models }) => all + models, 0);
  return plot(
    title,
    (width) =>
      columns(
        width,
        title,
        bins.map((bin) => ({
          label: label(bin),
          name: `${label(bin)} versions`,
          parts: [{ value: bin.models, style: "f-plain", name: "models" }],
        })),
      ),
    list(
      title,
      ["Versions", "Models", newest ? "Highest numbers" : "All versions"],
      bins.filter(({ models }) => models > 0).map((bin) => [label(bin), number(bin.models), number(bin.versions)]),
      { right: [1, 2] },
    ),
    {
      note: [
        newest
          ? "By the highest version number of each model, because only live versions were read."
          : "Number of models by number of versions.",
        empty > 0 && ` ${count(empty, "model")} ${empty === 1 ? "has" : "have"} none.`,
      ],
    },
  );
}

const ages = [
  [7, "under a week"],
  [30, "under a month"],
  [91, "under 3 months"],
  [183, "under 6 months"],
  [365, "under a year"],
  [730, "under 2 years"],
  [Infinity, "2 years and more"],
];
const ageLabels = ["<1 wk", "<1 mo", "<3 mo", "<6 mo", "<1 yr", "<2 yr", "2+ yr"];

function agesPlot() {
  const byRef = new Map();
  for (const model of audit.models) {
    for (const { ref, version } of model.targets) {
      const created = model.byNumber.get(version)?.created;
      if (!created) continue;
      if (!byRef.has(ref)) byRef.set(ref, []);
      byRef.get(ref).push((audit.end - created) / DAY);
    }
  }
  const title = "Age of live versions";
  const refs = [...byRef]
    .sort(([, a], [, b]) => b.length - a.length)
    .slice(0, 20)
    .map(([ref]) => ref);
  if (refs.length === 0)
    return el(
      "section",
      { class: "plot" },
      el("h2", null, title),
      para("empty", "No version with an alias or in a stage has a known age."),
    );
  const frame = el("div");
  const show = (ref) => {
    const bins = ages.map(([below, text], i) => ({ below, text, label: ageLabels[i], n: 0 }));
    for (const age of byRef.get(ref)) bins.find(({ below }) => age < below).n++;
    const style = "f-plain";
    frame.replaceChildren(
      plot(
        title,
        (width) =>
          columns(
            width,
            `Age of versions at ${plain(ref)}`,
            bins.map(({ label, text, n }) => ({
              label,
              name: text,
              parts: [{ value: n, style, name: "versions" }],
            })),
          ),
        list(
          `Age of versions at ${plain(ref)}`,
          ["Created", "Versions"],
          bins.map(({ text, n }) => [text + " ago", number(n)]),
          { right: [1] },
        ),
        {
          note: [
            `Time since creation of the ${count(byRef.get(ref).length, "version")} with the selected `,
            "alias or stage.",
          ],
          tools: el("label", null, span("hidden", "Alias or stage"), choice(ref)),
        },
      ),
    );
  };
  const choice = (chosen) =>
    el(
      "select",
      {
        change: (event) => {
          show(event.target.value);
          frame.querySelector("select").focus();
        },
      },
      refs.map((ref) => el("option", { value: ref, selected: ref === chosen }, plain(ref))),
    );
  show(byRef.has("@champion") ? "@champion" : refs[0]);
  return frame;
}

const outcomes = [
  ["done", "f-done", "done"],
  ["aborted", "f-aborted", "not completed"],
  ["", "f-open", "in progress or interrupted"],
];

// promotionsPlot counts ledger entries by day, week, month or year, depending on their time span.
function promotionsPlot() {
  const title = "Promotions over time";
  const entries = audit.models.flatMap((model) => model.entries).filter(({ ended, at }) => ended || at);
  if (entries.length === 0) {
    return el(
      "section",
      { class: "plot" },
      el("h2", null, title),
      para("empty", "The ledgers of these models contain no promotion."),
    );
  }
  const when = ({ ended, at }) => ended || at;
  const first = entries.reduce((least, entry) => Math.min(least, when(entry)), Infinity);
  const period = periods.find(({ most }) => audit.end - first <= most * DAY);
  const bins = [];
  for (let at = period.begin(first); at <= audit.end || bins.length === 0; at = period.next(at))
    bins.push({ at, n: new Map() });
  for (const entry of entries) {
    const bin = bins.findLast(({ at }) => at <= when(entry)) ?? bins[0];
    const key = outcomes.some(([outcome]) => outcome === entry.outcome) ? entry.outcome : "aborted";
    bin.n.set(key, (bin.n.get(key) ?? 0) + 1);
  }
  const used = outcomes.filter(([outcome]) => bins.some(({ n }) => n.has(outcome)));
  return plot(
    `${title}, by ${period.name}`,
    (width) =>
      columns(
        width,
        title,
        bins.map(({ at, n }) => ({
          label: period.label(at),
          name: period.label(at),
          parts: used.map(([outcome, style, name]) => ({ value: n.get(outcome) ?? 0, style, name })),
        })),
      ),
    el(
      "div",
      { class: "scroll", tabindex: 0, role: "region", "aria-label": "Promotions over time as a table" },
      list(
        title,
        [period.title, ...used.map(([, , name]) => name)],
        bins
          .toReversed()
          .filter(({ n }) => n.size > 0)
          .map(({ at, n }) => [period.label(at), ...used.map(([outcome]) => number(n.get(outcome) ?? 0))]),
        { right: [1, 2, 3] },
      ),
    ),
    {
      note: [
        "According to the promotion ledgers. Times are UTC.",
        used.length > 1 && legend(...used.map(([, style, name]) => [style, name])),
      ],
    },
  );
}

const monthOf = (at, plus = 0) => {
  const date = new Date(at * 1000);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + plus, 1) / 1000;
};
// floorTo returns the beginning of a period of days. Weeks begin on Monday, such as 1970-01-05.
const floorTo = (days, offset) => (at) => Math.floor((at / DAY - offset) / days) * days * DAY + offset * DAY;

const periods = [
  { name: "day", title: "Day", most: 31, begin: floorTo(1, 0), next: (at) => at + DAY, label: day },
  { name: "week", title: "Week from", most: 210, begin: floorTo(7, 4), next: (at) => at + 7 * DAY, label: day },
  {
    name: "month",
    title: "Month",
    most: 1830,
    begin: (at) => monthOf(at),
    next: (at) => monthOf(at, 1),
    label: (at) => day(at).slice(0, 7),
  },
  {
    name: "year",
    title: "Year",
    most: Infinity,
    begin: (at) => Date.UTC(new Date(at * 1000).getUTCFullYear(), 0, 1) / 1000,
    next: (at) => Date.UTC(new Date(at * 1000).getUTCFullYear() + 1, 0, 1) / 1000,
    label: (at) => day(at).slice(0, 4),
  },
];
