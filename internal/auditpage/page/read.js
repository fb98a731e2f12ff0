// Reads the page's data: JSON in elements, which are removed once they have been read. A table is stored as columns of
// numbers. If a column is stored as a single number, every row has that number. Each string is stored only once, and
// rows contain its index.

// audit is the page's content.
const audit = {
  rules: new Map(),
  models: [],
  byName: new Map(),
  versions: [],
  findings: [],
  inventory: [],
  exceptions: [],
  totals: null,
  left: {},
};

const severities = ["high", "medium", "low"];

function take(element) {
  const value = JSON.parse(element.textContent);
  element.remove();
  return value;
}

// rows turns columns into objects, one for each row. A reader converts the number in a cell to its value.
function rows(columns, readers) {
  const out = Array.from({ length: columns.rows }, () => ({}));
  for (const [name, read] of Object.entries(readers)) {
    const column = columns[name] ?? 0;
    const same = typeof column === "number";
    for (let i = 0; i < out.length; i++) out[i][name] = read(same ? column : column[i]);
  }
  return out;
}

const asIs = (n) => n;
const asFlag = (n) => n !== 0;
const asSteps = () => {
  let sum = 0;
  return (step) => (sum += step);
};

const findingReaders = (word) => ({
  rule: word,
  severity: word,
  model: word,
  version: asIs,
  alias: word,
  stage: word,
  message: word,
  fix: word,
  file: word,
  line: asIs,
  fingerprint: word,
  accepted: word,
  trend: word,
});

const exceptionReaders = (word) => ({
  kind: word,
  what: word,
  version: asIs,
  ref: word,
  by: word,
  why: word,
  since: asIs,
  until: word,
  state: word,
  entry: word,
  signed: word,
});

function readModel(block) {
  const word = (i) => block.words[i];
  const texts = block.lists.map((list) => list.map(word));
  const list = (i) => texts[i];
  const model = {
    name: block.name,
    description: block.description ?? "",
    tags: list(block.tags ?? 0),
    created: block.created ?? 0,
    updated: block.updated ?? 0,
    hidden: block.hidden ?? false,
    unreadable: block.unreadable ?? "",
    newest: block.newest ?? 0,
    read: block.read,
    ledger: block.ledger ?? "",
    broken: block.broken ?? "",
    before: block.before ?? {},
    promotions: block.promotions,
    targets: block.holders ?? [],
    versions: rows(block.versions, {
      number: asSteps(),
      created: asSteps(),
      updated: asIs,
      stage: word,
      status: word,
      live: asFlag,
      bare: asFlag,
      run: word,
      source: list,
      problem: word,
      description: word,
      tags: list,
      size: asIs,
    }),
    entries: rows(block.entries, {
      epoch: asIs,
      at: asIs,
      ended: asIs,
      command: word,
      to: asIs,
      actor: word,
      link: word,
      outcome: word,
      reason: word,
      evidence: word,
      override: word,
      moves: list,
      outside: list,
    }),
    findings: rows(block.findings, findingReaders(word)),
    inventory: rows(block.inventory, {
      version: asIs,
      ref: word,
      owner: word,
      verdict: word,
      by: word,
      approvers: word,
      since: asIs,
      entry: word,
      signed: word,
    }),
    exceptions: rows(block.exceptions, exceptionReaders(word)),
  };
  const runs = rows(block.runs, {
    id: word,
    why: word,
    name: word,
    user: word,
    status: word,
    deleted: asFlag,
    start: asIs,
    end: asIs,
    experiment: word,
    experimentName: word,
    experimentDeleted: asFlag,
    commit: word,
    repository: word,
    datasets: list,
    metrics: list,
  });
  model.runs = new Map(runs.map((run) => [run.id, run]));
  join(model);
  return model;
}

// join connects a model's versions, targets, entries and findings.
function join(model) {
  const byNumber = new Map();
  for (const version of model.versions) {
    version.model = model;
    version.updated += version.created;
    version.source = version.source.join(version.run);
    version.refs = [];
    version.findings = 0;
    version.text = "";
    byNumber.set(version.number, version);
  }
  for (const target of model.targets) byNumber.get(target.version)?.refs.push(target.ref);
  for (const entry of model.entries) {
    entry.model = model;
    entry.moves = triples(entry.moves);
    entry.outside = triples(entry.outside);
  }
  model.byNumber = byNumber;
  model.open = [0, 0, 0]; // open findings by severity
  for (const finding of model.findings) joinFinding(finding, model);
  for (const row of model.inventory) row.model = model;
  for (const row of model.exceptions) row.model = model;
}

function joinFinding(finding, model) {
  finding.of = model;
  finding.open = !finding.accepted && finding.trend !== "fixed";
  finding.rank = severities.indexOf(finding.severity);
  finding.place = audit.rules.get(finding.rule)?.place ?? audit.rules.size;
  if (!model || !finding.open) return;
  model.open[finding.rank]++;
  const version = model.byNumber.get(finding.version);
  if (version) version.findings++;
}

// triples groups a flat list into target, before and after.
function triples(list) {
  const out = [];
  for (let i = 0; i < list.length; i += 3) out.push({ ref: list[i], was: list[i + 1], now: list[i + 2] });
  return out;
}

function read() {
  const { rules, link } = take(document.getElementById("rules"));
  mlflow = link;
  for (const rule of rules ?? []) audit.rules.set(rule.id, { ...rule, place: audit.rules.size });
  for (const element of document.querySelectorAll("script.model")) {
    const model = readModel(take(element));
    audit.models.push(model);
    audit.byName.set(model.name, model);
    for (const version of model.versions) audit.versions.push(version);
    for (const finding of model.findings) audit.findings.push(finding);
    for (const row of model.inventory) audit.inventory.push(row);
    for (const row of model.exceptions) audit.exceptions.push(row);
  }
  for (const element of document.querySelectorAll("script.findings")) {
    const block = take(element);
    const word = (i) => block.words[i];
    for (const row of rows(block.exceptions, exceptionReaders(word))) audit.exceptions.push({ ...row, model: null });
    for (const finding of rows(block.findings, findingReaders(word))) {
      joinFinding(finding, audit.byName.get(finding.model));
      audit.findings.push(finding);
    }
  }
  audit.totals = take(document.getElementById("totals"));
  audit.left = audit.totals.left;
  audit.end = Date.parse(audit.totals.ended) / 1000;
}
