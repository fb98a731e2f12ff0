// A model's page: aliases and stages, lineage, findings and promotions.

function modelView(model, state, changed) {
  const chosen = model.byNumber.get(Number(state.version));
  const versions = chosen ? [chosen] : model.versions.filter(({ live }) => live);
  const { version: _, ...rest } = state;
  const keep = (now) => changed({ ...(chosen && { version: chosen.number }), ...now });
  return [
    para("crumbs", el("a", { href: "#/models" }, "Models"), chosen && [" / ", modelLink(model.name)]),
    el("h1", { tabindex: -1 }, data(model.name), chosen && ` version ${chosen.number}`),
    state.version &&
      !chosen &&
      para("notice", `This audit did not read version ${plain(String(state.version))}.`),
    !chosen && unshown(model),
    chosen ? versionFacts(chosen) : modelFacts(model),
    lineageSection(versions, chosen),
    findingsSection(chosen ? model.findings.filter(({ version }) => version === chosen.number) : model.findings),
    !chosen && promotionsSection(model),
    !chosen && section("Versions", versionsTable(model.versions, { state: rest, changed: keep, ofModel: true })),
  ];
}

// unshown says how many of a model's versions the page leaves out.
function unshown({ read, versions }) {
  const left = read - versions.length;
  if (left === 0) return null;
  return para("notice", `${count(left, "version")} ${are(left)} not shown, because the size of this page is limited.`);
}

const definitions = (...pairs) =>
  el(
    "dl",
    null,
    pairs.filter(([, value]) => value).map(([term, value]) => [el("dt", null, term), el("dd", null, value)]),
  );

const tagList = (tags) => {
  const out = [];
  for (let i = 0; i < tags.length; i += 2)
    out.push(el("li", { class: "tag" }, data(tags[i]), " = ", data(tags[i + 1])));
  return out.length > 0 && el("ul", { class: "tags" }, out);
};

function modelFacts(model) {
  return [
    model.unreadable && para("notice", "Not read completely: ", data(model.unreadable)),
    model.hidden &&
      para("notice", "A version of this model is marked as a prompt, so searches find no version of the model."),
    model.description && para("description", data(model.description, { class: "prose" })),
    definitions(
      [
        "Aliases and stages",
        model.targets.length > 0
          ? el("ul", { class: "plainlist" }, model.targets.map(targetItem(model)))
          : "None.",
      ],
      [
        "Versions",
        audit.totals.scope === "live"
          ? `${number(model.read)} live; the newest version is ${number(model.newest)}`
          : number(model.read),
      ],
      ["Created", model.created > 0 && [time(model.created), " UTC"]],
      ["Changed", model.updated > 0 && [time(model.updated), " UTC"]],
      ["Tags", tagList(model.tags)],
      ["MLflow", mlflow && outside(modelURL(model.name), "open the model in MLflow")],
    ),
  ];
}

// complete reports whether the page contains all versions of the model.
const complete = ({ read, versions, unreadable }) => read === versions.length && !unreadable;

const targetItem =
  (model) =>
  ({ ref, version, since }) =>
    el(
      "li",
      null,
      span("chip", data(ref)),
      " → ",
      model.byNumber.has(version)
        ? el("a", { href: versionHash(model.name, version) }, `version ${version}`)
        : [`version ${version}`, complete(model) && ", which does not exist"],
      since && [" since ", time(since), " UTC"],
    );

function versionFacts(version) {
  const run = version.model.runs.get(version.run);
  return [
    version.description && para("description", data(version.description, { class: "prose" })),
    version.bare && para("notice", "Description, tags, source and run are not shown, because the size of this page is limited."),
    definitions(
      ["Aliases and stage", version.refs.length > 0 && refs(version.refs)],
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
    run?.metrics.length > 0 &&
      section(
        "Metrics of the run",
        list(
          "Metrics of the run",
          ["Metric", "Last value"],
          inPairs(run.metrics).map(([name, value]) => [data(name), data(value)]),
          { right: [1] },
        ),
      ),
  ];
}

function runFacts({ run: id, bare }, run) {
  if (!id) return bare ? null : "None. Author, data and code of the model are unknown.";
  const name = run?.experiment ? outside(runURL(run), code(id)) : code(id);
  if (!run) return [name, para("fix", "This audit did not read the run.")];
  if (run.why) return [name, para("fix", data(run.why))];
  const took = run.end > run.start && run.start > 0 ? `, took ${duration(run.end - run.start)}` : "";
  return [
    name,
    para(
      "fix",
      [
        run.name && ["named ", data(run.name)],
        run.user && ["by ", data(run.user)],
        run.status && data(run.status),
        run.deleted && "deleted",
        run.start > 0 && ["started ", time(run.start), " UTC", took],
        (run.experimentName || run.experiment) && [
          "experiment ",
          data(run.experimentName || run.experiment),
          run.experimentDeleted && " (deleted)",
        ],
        run.commit && ["commit ", code(run.commit), run.repository && [" of ", code(run.repository)]],
      ]
        .filter(Boolean)
        .map((part, i) => [i > 0 && " · ", part]),
    ),
  ];
}

function inPairs(list) {
  const out = [];
  for (let i = 0; i < list.length; i += 2) out.push([list[i], list[i + 1]]);
  return out;
}

// lineageSection draws the lineage, with a table below it.
function lineageSection(versions, chosen) {
  if (versions.length === 0)
    return section("Lineage", para("empty", "No version is live. Select a version below to see its lineage."));
  const most = 12; // with more versions, the drawing is unreadable
  const first = versions.slice(0, most);
  const canvas = plot(
    chosen ? "Lineage" : "Lineage of live versions",
    (width) => lineage(first, width),
    list(
      "Lineage",
      ["Version", "Aliases and stage", "Run", "Code", "Datasets"],
      first.map((version) => {
        const run = version.model.runs.get(version.run);
        return [
          el("a", { href: versionHash(version.model.name, version.number) }, `v${version.number}`),
          refs(version.refs),
          version.run
            ? [short(version.run), run?.why && para("fix", data(run.why)), run?.user && [" by ", data(run.user)]]
            : none("none"),
          run?.commit ? short(run.commit) : none("unknown"),
          datasets(run).length > 0
            ? datasets(run).map(({ name, digest, context }) =>
                para(null, word(name), digest && [" ", short(digest)], context && [", ", data(context)]),
              )
            : none(run && !run.why ? "none logged" : "unknown"),
        ];
      }),
    ),
    { note: versions.length > most && `The first ${most} of ${number(versions.length)} live versions.` },
  );
  canvas.classList.add("below");
  return canvas;
}

function findingsSection(findings) {
  return section(
    "Findings",
    findings.length === 0 ? para("good", "No findings.") : findingsTable(findings, { ofModel: true }),
  );
}

function promotionsSection(model) {
  const title = "Promotions";
  const broken =
    model.broken &&
    para("notice", "The chain of the ledger is broken, so its entries may be forged: ", data(model.broken));
  if (model.entries.length === 0) {
    return section(title, broken, para("empty", whyNoPromotions(model)));
  }
  const shown = model.entries.length;
  const newest =
    shown < model.promotions ? `the newest ${number(shown)} of ${number(model.promotions)} entries` : "the entries";
  const canvas = plot(
    "Timeline of promotions",
    (width) => timeline(model, width),
    list(
      title,
      ["Entry", "Ended (UTC)", "What", "Moved", "By", "Evidence", "Outcome"],
      model.entries.toReversed().flatMap(entryRows),
    ),
    {
      note: [
        `Versions at each alias and stage according to ${newest} of the ledger. ↩ is a rollback, ≠ is drift, ✕ is an `,
        "attempt that did not complete. On the right: the version in the registry now.",
      ],
    },
  );
  canvas.classList.add("below");
  return [broken, canvas];
}

function whyNoPromotions({ promotions, ledger }) {
  if (promotions > 0)
    return [
      `${count(promotions, "ledger entry", "ledger entries")} ${are(promotions)} not shown, because the size of this page `,
      "is limited.",
    ];
  if (ledger === "not gathered") return "This audit did not read the ledger.";
  return ledger ? ["No ledger: ", data(ledger)] : "No promotion is recorded.";
}

const moved = ({ ref, was, now }) =>
  para("move", data(ref), " ", was ? data(was) : none("none"), " → ", now ? el("b", null, data(now)) : none("none"));

// entryRows returns an entry's row and, if the entry recorded drift, a row for it.
function entryRows(entry) {
  const rows = [
    [
      String(entry.epoch),
      time(entry.ended || entry.at),
      word(entry.command),
      entry.moves.map(moved),
      [entry.actor ? word(entry.actor) : none(), entry.link && para("fix", address(entry.link))],
      [data(entry.evidence), entry.override && para("fix", "override ", data(entry.override))],
      ended(entry),
    ],
  ];
  if (entry.outside.length > 0)
    rows.push([
      none(""),
      none("before that"),
      "drift",
      entry.outside.map(moved),
      none("unknown"),
      none("none"),
      "found and recorded",
    ]);
  return rows;
}
