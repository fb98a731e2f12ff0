// A model's timeline: one lane for each alias and stage, with the versions that it pointed to according to the ledger.

const laneHeight = 44;

// lanes collects each target's spans {from, to, versions, how} and the attempts that did not complete.
function lanes(model, until) {
  const found = new Map();
  const lane = (ref) => {
    if (!found.has(ref)) found.set(ref, { ref, spans: [], failed: [] });
    return found.get(ref);
  };
  const shown = ({ ref }) => !ref.startsWith("tag "); // tags of the model appear only in the table
  for (const [ref, versions] of Object.entries(model.before)) {
    if (shown({ ref }) && versions) lane(ref).spans.push({ from: null, to: until, versions, how: "before", entry: null });
  }
  for (const entry of model.entries) {
    const at = entry.ended || entry.at;
    for (const { ref, was, now } of entry.outside.filter(shown)) begin(lane(ref), entry.at, was, now, "outside", entry);
    for (const { ref, was, now } of entry.moves.filter(shown)) {
      if (entry.outcome === "done") begin(lane(ref), at, was, now, entry.command === "rollback" ? "back" : "", entry);
      else lane(ref).failed.push({ at, entry });
    }
  }
  for (const { spans } of found.values()) if (spans.length > 0) spans.at(-1).to = until;
  return [...found.values()].sort((a, b) => (a.ref < b.ref ? -1 : 1));
}

// begin ends the previous span and starts a new one. A target's first entry also says which version came before it.
function begin({ spans }, at, was, now, how, entry) {
  if (spans.length > 0) spans.at(-1).to = at;
  else if (was) spans.push({ from: null, to: at, versions: was, how: "before", entry: null });
  spans.push({ from: at, to: at, versions: now, how, entry });
}

function timeline(model, width) {
  const times = model.entries.map(({ ended, at }) => ended || at).filter(Boolean);
  const until = Math.max(audit.end, ...times);
  const list = lanes(model, until);
  const left = Math.min(130, width * 0.3);
  const right = 64;
  const first = Math.min(until, ...times);
  const start = first - Math.max(DAY, (until - first) * 0.06);
  const x = (at) => left + 4 + ((Math.max(at, start) - start) / (until - start)) * (width - left - right);
  const height = list.length * laneHeight + 30;
  return picture(
    width,
    height,
    `Timeline of promotions of ${plain(model.name)}; the table below has the same content`,
    ticks(start, until, Math.max(2, Math.floor(width / 120))).map((at) => [
      svg("line", { x1: x(at), x2: x(at), y1: 0, y2: height - 22, class: "grid" }),
      write(Math.min(width - right - 30, Math.max(left + 36, x(at))), height - 6, day(at), { class: "label middle" }),
    ]),
    list.map((lane, i) => [
      drawLane(lane, i * laneHeight + 6, x, start, left),
      drawNow(model, lane, x(until) + 8, i * laneHeight + 26),
    ]),
  );
}

// versionNames formats a list of version numbers for reading, and returns any other text unchanged.
const versionNames = (list) => (/^[\d,]+$/.test(list) ? "v" + list.replaceAll(",", ", v") : plain(list) || "no version");

// drawNow shows the version that the target points to now, and marks it if the ledger says otherwise.
function drawNow(model, { ref, spans }, x, y) {
  const now = model.targets
    .filter((target) => target.ref === ref)
    .map(({ version }) => version)
    .sort((a, b) => a - b)
    .join(",");
  const differs = spans.length > 0 && spans.at(-1).versions !== now;
  const text = write(x, y, fit((differs ? "≠ " : "") + versionNames(now), 56, 7), {
    class: differs ? "name differs" : "name",
  });
  text.append(
    hover(`${plain(ref)} now: ${versionNames(now)}${differs ? ", which differs from the ledger" : ""}`),
  );
  return text;
}

function drawLane({ ref, spans, failed }, y, x, start, left) {
  return [
    write(0, y + 20, fit(plain(ref), left - 6, 7.2), { class: "name" }),
    spans.map(({ from, to, versions, how, entry }, i) => {
      const x1 = x(from ?? start);
      const wide = Math.max(3, x(to) - x1 - 1.5);
      const text = versionNames(versions);
      const style = how === "outside" ? "outside" : how === "before" ? "before" : versions ? `held${i % 2}` : "nobody";
      const box = rect(x1, y, wide, 30, { class: `span ${style}`, rx: 3 });
      box.append(
        hover(
          [
            plain(ref) + ":",
            text,
            from ? "from " + minute(from) : "before the first record",
            entry && `(entry ${entry.epoch}, ${plain(entry.command)})`,
          ]
            .filter(Boolean)
            .join(" "),
        ),
      );
      const label = (how === "back" ? "↩ " : how === "outside" ? "≠ " : "") + text;
      return [box, wide > label.length * 7.4 + 8 && write(x1 + 7, y + 20, label, { class: "held" })];
    }),
    failed.map(({ at, entry }) => {
      const cross = svg("path", { d: `M${x(at) - 5} ${y - 1}l10 10m0-10l-10 10`, class: "failed" });
      cross.append(hover(`entry ${entry.epoch}: ${plain(entry.command)}, ${ended(entry)}`));
      return cross;
    }),
  ];
}

// ticks returns times at midnight, spaced a round number of days apart.
function ticks(from, to, most) {
  const days = (to - from) / DAY;
  const step = [1, 2, 7, 14, 30, 61, 91, 182, 365, 730, 1826].find((n) => days / n <= most) ?? 3652;
  const out = [];
  for (let at = Math.ceil(from / (step * DAY)) * step * DAY; at <= to; at += step * DAY) out.push(at);
  return out;
}

// ended describes how an entry ended.
function ended({ outcome, reason }) {
  if (outcome === "") return "in progress or interrupted";
  return plain(reason ? `${outcome}: ${reason}` : outcome);
}
