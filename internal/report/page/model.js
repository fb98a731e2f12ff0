// The page of one model: what names which version, its lineage, what was found, and its promotions.

function modelView(model, state, changed) {
  const chosen = model.byNumber.get(Number(state.version));
  const versions = chosen ? [chosen] : model.versions.filter(({ live }) => live).slice(0, 12);
  const { version: _, ...rest } = state;
  const keep = (now) => changed({ ...(chosen && { version: chosen.number }), ...now });
  return [
    el("p", { class: "crumbs" }, el("a", { href: "#/models" }, "Models"), chosen && [" / ", modelLink(model.name)]),
    el("h1", { tabindex: -1 }, data(model.name), chosen && ` version ${chosen.number}`),
    state.version && !chosen && el("p", { class: "notice" }, `Version ${plain(String(state.version))} is not among those that this audit read.`),
    !chosen && model.read > model.versions.length && el("p", { class: "notice" }, `${count(model.read - model.versions.length, "version")} of it ${model.read - model.versions.length === 1 ? "is" : "are"} not on this page, to bound its size.`),
    chosen ? versionFacts(chosen) : modelFacts(model),
    lineageSection(versions, chosen),
    findingsSection(chosen ? model.findings.filter(({ version }) => version === chosen.number) : model.findings),
    !chosen && promotionsSection(model),
    !chosen && el("section", null, el("h2", null, "Versions"), versionsTable(model.versions, { state: rest, changed: keep, ofModel: true })),
  ];
}

const definitions = (...pairs) => el("dl", null, pairs.filter(([, value]) => value).map(([term, value]) => [el("dt", null, term), el("dd", null, value)]));

const tagList = (tags) => {
  const out = [];
  for (let i = 0; i < tags.length; i += 2) out.push(el("li", { class: "tag" }, data(tags[i]), " = ", data(tags[i + 1])));
  return out.length > 0 && el("ul", { class: "tags" }, out);
};

function modelFacts(model) {
  return [
    model.unreadable && el("p", { class: "notice" }, "Not read in full: ", data(model.unreadable)),
    model.hidden && el("p", { class: "notice" }, "A version of this model is marked as a prompt, which hides all of its versions from searches."),
    model.description && el("p", { class: "description" }, data(model.description, { class: "prose" })),
    definitions(
      ["Named", model.holders.length > 0 ? el("ul", { class: "plainlist" }, model.holders.map(holderItem(model))) : "No alias and no live stage names a version."],
      ["Versions", audit.totals.scope === "live" ? `${number(model.read)} live, the newest is ${number(model.newest)}` : number(model.read)],
      ["Created", model.created > 0 && [time(model.created), " UTC"]],
      ["Changed", model.updated > 0 && [time(model.updated), " UTC"]],
      ["Tags", tagList(model.tags)],
      ["MLflow", mlflow && outside(modelURL(model.name), "open the model in MLflow")],
    ),
  ];
}

const holderItem = (model) => ({ ref, version, since }) => el("li", null, el("span", { class: "chip" }, data(ref)), " names ",
  model.byNumber.has(version) ? el("a", { href: versionHash(model.name, version) }, `version ${version}`) : `version ${version}, which was not found`,
  since && [" since ", time(since), " UTC"]);

function versionFacts(version) {
  const run = version.model.runs.get(version.run);
  return [
    version.description && el("p", { class: "description" }, data(version.description, { class: "prose" })),
    version.bare && el("p", { class: "notice" }, "Description, tags, source and run were left out, to bound the size of this page."),
    definitions(
      ["Named by", version.refs.length > 0 && refs(version.refs)],
      ["Stage", version.stage && data(version.stage)],
      ["Status", version.status && [data(version.status), version.problem && [": ", data(version.problem)]]],
      ["Created", version.created > 0 && [time(version.created), " UTC"]],
      ["Changed", version.updated > version.created && [time(version.updated), " UTC"]],
      ["Source", version.source && code(version.source)],
      ["Size", version.size > 0 && bytes(version.size)],
      ["Run", runFacts(version, run)],
      ["Tags", tagList(version.tags)],
      ["MLflow", mlflow && outside(versionURL(version.model.name, version.number), "open the version in MLflow")],
    ),
    run?.metrics.length > 0 && el("section", null, el("h2", null, "Metrics of the run"), list("Metrics of the run", ["Metric", "Last value"], inPairs(run.metrics).map(([name, value]) => [data(name), data(value)]), { right: [1] })),
  ];
}

function runFacts({ run: id, bare }, run) {
  if (!id) return bare ? null : "None: who trained the model, on what data and from what code is not recorded.";
  const name = run?.experiment ? outside(runURL(run), code(id)) : code(id);
  if (!run) return [name, el("p", { class: "fix" }, "It was not looked up in this audit.")];
  if (run.why) return [name, el("p", { class: "fix" }, data(run.why))];
  const took = run.end > run.start && run.start > 0 ? `, took ${span(run.end - run.start)}` : "";
  return [name, el("p", { class: "fix" }, [
    run.name && ["named ", data(run.name)], run.user && ["by ", data(run.user)], run.status && data(run.status), run.deleted && "deleted",
    run.start > 0 && ["started ", time(run.start), " UTC", took],
    (run.experimentName || run.experiment) && ["experiment ", data(run.experimentName || run.experiment), run.experimentDeleted && " (deleted)"],
    run.commit && ["commit ", code(run.commit), run.repository && [" of ", code(run.repository)]],
  ].filter(Boolean).map((part, i) => [i > 0 && " · ", part]))];
}

function inPairs(list) {
  const out = [];
  for (let i = 0; i < list.length; i += 2) out.push([list[i], list[i + 1]]);
  return out;
}

// lineageSection draws the lineage, with a table of the same below.
function lineageSection(versions, chosen) {
  if (versions.length === 0) return el("section", null, el("h2", null, "Lineage"), el("p", { class: "empty" }, "Nothing is live. Choose a version below to see what it was made from."));
  const canvas = plot(chosen ? "Lineage" : "Lineage of what is live", (width) => lineage(versions, width), list("Lineage", ["Version", "Named by", "Run", "Code", "Datasets"], versions.map((version) => {
    const run = version.model.runs.get(version.run);
    return [el("a", { href: versionHash(version.model.name, version.number) }, `v${version.number}`), refs(version.refs),
      version.run ? [short(version.run), run?.why && el("p", { class: "fix" }, data(run.why)), run?.user && [" by ", data(run.user)]] : none("none"),
      run?.commit ? short(run.commit) : none("unknown"),
      datasets(run).length > 0 ? datasets(run).map(({ name, digest, context }) => el("p", null, word(name), digest && [" ", short(digest)], context && [", ", data(context)])) : none(run && !run.why ? "none logged" : "unknown")];
  })));
  canvas.classList.add("below");
  return canvas;
}

function findingsSection(findings) {
  return el("section", null, el("h2", null, "Findings"), findings.length === 0 ? el("p", { class: "good" }, "Nothing was found.") : findingsTable(findings, { ofModel: true }));
}

function promotionsSection(model) {
  const title = "Promotions";
  const broken = model.broken && el("p", { class: "notice" }, "The ledger does not hold together, so what it tells may not be so: ", data(model.broken));
  if (model.entries.length === 0) {
    const why = model.ledger === "not gathered" ? "The ledger was not read in this audit." : model.ledger ? ["No ledger: ", data(model.ledger)] : "No promotion is recorded.";
    return el("section", null, el("h2", null, title), broken, el("p", { class: "empty" }, why));
  }
  const canvas = plot("Timeline of promotions", (width) => timeline(model, width),
    list(title, ["Entry", "Ended (UTC)", "What", "Moved", "By", "Evidence", "Outcome"], model.entries.toReversed().flatMap(entryRows)),
    { note: "What each alias or stage named, from the newest page of the ledger. ↩ is a rollback, ≠ a move that the ledger did not make, ✕ an attempt that was not completed. At the right: what the registry says now." });
  canvas.classList.add("below");
  return [broken, canvas];
}

const moved = ({ ref, was, now }) => el("p", { class: "move" }, data(ref), " ", was ? data(was) : none("none"), " → ", now ? el("b", null, data(now)) : none("none"));

// entryRows are an entry, and what it found moved by others since the one before.
function entryRows(entry) {
  const rows = [[String(entry.epoch), time(entry.ended || entry.at), word(entry.command), entry.moves.map(moved),
    [entry.actor ? word(entry.actor) : none(), entry.link && el("p", { class: "fix" }, address(entry.link))],
    [data(entry.evidence), entry.override && el("p", { class: "fix" }, "override ", data(entry.override))], ended(entry)]];
  if (entry.outside.length > 0) rows.push([none(""), none("before that"), "moved outside", entry.outside.map(moved), none("unknown"), none("none"), "found, adopted"]);
  return rows;
}
