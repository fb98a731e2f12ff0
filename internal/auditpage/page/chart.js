// Plots. A plot is redrawn when its width changes. For readers who cannot see the plot, the table next to it contains
// the same numbers.

// plot creates a heading, a drawing, and the element next to the drawing.
function plot(title, draw, beside, { note, tools } = {}) {
  const canvas = el("div", { class: "canvas" });
  let width = 0;
  const paint = () => {
    width = Math.round(canvas.clientWidth);
    if (width > 0) canvas.replaceChildren(draw(width));
  };
  new ResizeObserver(() => {
    if (Math.round(canvas.clientWidth) !== width) paint();
  }).observe(canvas);
  return el(
    "section",
    { class: "plot" },
    el("div", { class: "line" }, el("h2", null, title), tools),
    note && para("note", note),
    el("div", { class: "beside" }, canvas, el("div", { class: "numbers" }, beside)),
  );
}

const picture = (width, height, label, ...children) =>
  svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label }, children);

const rect = (x, y, width, height, attributes) =>
  svg("rect", { x, y, width: Math.max(0, width), height: Math.max(0, height), ...attributes });
const write = (x, y, text, attributes) => svg("text", { x, y, ...attributes }, text);
const hover = (text) => svg("title", null, text);

// fit shortens a label to a width, using the average width of a character.
function fit(text, width, perCharacter = 6.6) {
  const most = Math.max(1, Math.floor(width / perCharacter));
  return text.length <= most ? text : text.slice(0, Math.max(1, most - 1)) + "…";
}

// bars draws horizontal bars: {label, parts: [{value, style, name}]}.
function bars(width, label, list) {
  const line = 26;
  const left = Math.min(230, width * 0.48);
  const most = Math.max(1, ...list.map(({ parts }) => sum(parts)));
  const scale = (width - left - 52) / most;
  return picture(
    width,
    list.length * line + 4,
    label,
    list.map(({ label, parts }, i) => {
      const y = i * line + 4;
      let x = left;
      const drawn = parts
        .filter(({ value }) => value > 0)
        .map(({ value, style, name }) => {
          const long = Math.max(2, value * scale);
          const part = rect(x, y, long, line - 8, { class: style });
          part.append(hover(`${label}: ${number(value)} ${name}`));
          x += long;
          return part;
        });
      return [
        write(left - 8, y + 13, fit(label, left - 8), { class: "label end" }),
        drawn,
        write(x + 6, y + 13, number(sum(parts)), { class: "value" }),
      ];
    }),
  );
}

const half = (label) => label.length * 3.3; // half the label's width
const sum = (parts) => parts.reduce((all, { value }) => all + value, 0);

// columns draws vertical bars: {label, parts}. If there are many, only some have labels.
function columns(width, label, list, height = 190) {
  const top = 20;
  const bottom = height - 22;
  const most = Math.max(1, ...list.map(({ parts }) => sum(parts)));
  const step = width / list.length;
  const thick = Math.min(64, step * 0.72);
  const every = Math.ceil(54 / step);
  return picture(
    width,
    height,
    label,
    svg("line", { x1: 0, x2: width, y1: bottom + 0.5, y2: bottom + 0.5, class: "axis" }),
    list.map(({ label, parts, name }, i) => {
      const x = i * step + (step - thick) / 2;
      let y = bottom;
      const drawn = parts
        .filter(({ value }) => value > 0)
        .map(({ value, style, name: of }) => {
          const high = Math.max(2, (value / most) * (bottom - top));
          y -= high;
          const part = rect(x, y, thick, high, { class: style });
          part.append(hover(`${name ?? label}: ${number(value)} ${of}`));
          return part;
        });
      const all = sum(parts);
      return [
        drawn,
        all > 0 && step > 26 && write(x + thick / 2, y - 6, number(all), { class: "value middle" }),
        i % every === 0 &&
          write(Math.min(Math.max(x + thick / 2, half(label)), width - half(label)), height - 5, label, {
            class: "label middle",
          }),
      ];
    }),
  );
}

// legend explains a plot's styles.
const legend = (...entries) =>
  para(
    "legend",
    entries.map(([style, text]) =>
      el(
        "span",
        null,
        svg("svg", { width: 12, height: 12, "aria-hidden": "true" }, rect(0, 0, 12, 12, { class: style, rx: 2 })),
        " ",
        text,
      ),
    ),
  );

// Marks for severities. Each mark has its own shape, so that they can be told apart without colour.
const shapes = { high: "M6 0 12 11H0Z", medium: "M6 0 12 6 6 12 0 6Z", low: "M6 0A6 6 0 1 1 5.99 0Z" };

const mark = (severity) =>
  svg(
    "svg",
    { width: 12, height: 12, viewBox: "0 0 12 12", class: `mark s-${severity}`, "aria-hidden": "true" },
    svg("path", { d: shapes[severity] ?? shapes.low }),
  );

const badge = (severity) => el("span", { class: `badge b-${severity}` }, mark(severity), plain(severity));
