// The lineage of versions, drawn from left to right in four columns: datasets, run, version, and the version's aliases
// and stage. Anything shared by several versions is drawn once.

const box = { height: 46, gap: 14 };

// lineageGraph returns nodes {column, title, lines, lost} and the edges between them.
function lineageGraph(versions) {
  const nodes = new Map();
  const edges = new Set();
  const node = (key, made) => {
    if (!nodes.has(key)) nodes.set(key, { key, ...made });
    return key;
  };
  const edge = (from, to) => edges.add(JSON.stringify([from, to]));
  for (const version of versions) {
    const me = node(`version ${version.number}`, {
      column: 2,
      title: `version ${version.number}`,
      lines: [version.created ? "created " + day(version.created) : plain(version.status)],
    });
    for (const ref of version.refs)
      edge(me, node(`ref ${ref}`, { column: 3, title: plain(ref), lines: [ref.startsWith("@") ? "alias" : "stage"] }));
    if (!version.run) {
      edge(
        node(`none ${version.number}`, {
          column: 1,
          title: "no run",
          lines: ["origin unknown"],
          lost: true,
        }),
        me,
      );
      continue;
    }
    const run = version.model.runs.get(version.run);
    const made = node(`run ${version.run}`, { column: 1, ...runBox(version.run, run) });
    edge(made, me);
    for (const { name, digest, context } of datasets(run)) {
      edge(
        node(`data ${name} ${digest}`, {
          column: 0,
          title: plain(name),
          lines: [[context, digest && `digest ${digest}`].filter(Boolean).map(plain).join(" · ")],
        }),
        made,
      );
    }
  }
  return { nodes: [...nodes.values()], edges: [...edges].map((text) => JSON.parse(text)) };
}

function runBox(id, run) {
  const title = "run " + plain(run?.name || id.slice(0, 8));
  if (!run) return { title, lines: ["not read by this audit"], lost: true };
  if (run.why) return { title, lines: [plain(run.why)], lost: true };
  const state = run.deleted ? "deleted" : plain(run.status);
  return {
    title,
    lines: [
      [run.user && "by " + plain(run.user), state, run.commit && "commit " + plain(run.commit.slice(0, 8))]
        .filter(Boolean)
        .join(" · "),
    ],
    lost: run.deleted,
  };
}

function datasets(run) {
  const out = [];
  for (let i = 0; run && i < run.datasets.length; i += 4) {
    const [name, digest, context, type] = run.datasets.slice(i, i + 4);
    out.push({ name, digest, context, type });
  }
  return out;
}

function lineage(versions, width) {
  const { nodes, edges } = lineageGraph(versions);
  const shares = [0.25, 0.31, 0.19, 0.25]; // of the width, by column
  const between = 34;
  const room = Math.max(680, width) - 3 * between;
  const columns = [0, 1, 2, 3].map((column) => nodes.filter((node) => node.column === column));
  const height = Math.max(...columns.map((list) => list.length * (box.height + box.gap) - box.gap)) + 26;
  let left = 0;
  columns.forEach((list, column) => {
    const full = list.length * (box.height + box.gap) - box.gap;
    list.forEach((node, i) =>
      Object.assign(node, {
        x: left,
        width: room * shares[column],
        y: 22 + (height - 24 - full) / 2 + i * (box.height + box.gap),
      }),
    );
    left += room * shares[column] + between;
  });
  const at = new Map(nodes.map((node) => [node.key, node]));
  let x = 0;
  const heads = ["datasets", "run", "version", "alias or stage"].map((text, column) => {
    const head = write(x, 12, text, { class: "head" });
    x += room * shares[column] + between;
    return head;
  });
  return picture(
    Math.max(680, width),
    height,
    "Lineage from datasets to aliases and stages; the table below has the same content",
    heads,
    edges.map(([from, to]) => curve(at.get(from), at.get(to))),
    nodes.map(drawNode),
  );
}

function curve(from, to) {
  const [x1, y1, x2, y2] = [from.x + from.width, from.y + box.height / 2, to.x, to.y + box.height / 2];
  const middle = (x1 + x2) / 2;
  return svg("path", {
    d: `M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`,
    class: from.lost ? "edge lost" : "edge",
  });
}

function drawNode({ x, y, width, title, lines, lost, column }) {
  return svg(
    "g",
    { class: `node n${column}${lost ? " lost" : ""}` },
    hover([title, ...lines].join("\n")),
    rect(x + 0.5, y + 0.5, width - 1, box.height - 1, { rx: 5 }),
    write(x + 10, y + 19, fit(title, width - 18, 7.3), { class: "title" }),
    write(x + 10, y + 36, fit(lines.join(" "), width - 18, 6.2), { class: "label" }),
  );
}
