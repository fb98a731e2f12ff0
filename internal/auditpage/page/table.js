// A table that can be searched, filtered, sorted and paged. Only the visible page is in the document, so 100,000 rows cost
// no more than fifty.
//
//   columns  {key, title, cell(row), value(row)?, right?, most?}: a column can be sorted if it has value; if it also
//            has right or most, the largest value comes first
//   text     row => the text to search in
//   filters  {key, title, options: [[value, label]…], test(row, value)}: the first option is the default,
//            "" filters nothing
//   link     row => the address that the Enter key opens
//   state    {q, sort, page, and each filter's key}: the view, as the address stores it
//   changed  state => called when the view changes

const pageRows = () => (matchMedia("(max-width: 760px)").matches ? 20 : 50);

function table({
  name,
  one,
  columns,
  rows,
  text,
  filters = [],
  sort = "",
  link,
  state = {},
  changed = () => {},
  empty,
  note,
}) {
  let order = [];
  let seen = [];
  const pageSize = pageRows();
  const view = { q: "", sort, page: 1, ...state };
  view.page = Math.max(1, Math.floor(Number(view.page)) || 1);

  const status = el("p", { role: "status", class: "status" });
  const body = el("tbody", { keydown: onKey, focusin: onFocus });
  const pages = el("nav", { class: "pager", "aria-label": `Pages of ${name}` });
  const heads = new Map();
  const head = el(
    "tr",
    { role: "row" },
    columns.map((column) => {
      const cell = el(
        "th",
        { scope: "col", role: "columnheader", class: column.right ? "right" : null },
        column.value ? el("button", { type: "button", click: () => sortBy(column) }, column.title) : column.title,
      );
      heads.set(column.key, cell);
      return cell;
    }),
  );
  const grid = el(
    "table",
    { class: "rows", role: "table", "aria-label": name },
    el("thead", { role: "rowgroup" }, head),
    fill(body, { role: "rowgroup" }, []),
  );

  const search =
    text &&
    el("input", {
      type: "search",
      placeholder: `Search ${name} …`,
      "aria-label": `Search ${name}`,
      value: view.q,
      autocomplete: "off",
      spellcheck: "false",
      input: () => set({ q: search.value }),
      keydown: (event) => {
        if (event.key === "ArrowDown") focusRow(0, event);
      },
    });
  const selects = filters.map((filter) => {
    const known = filter.options.some(([value]) => value === view[filter.key]);
    if (!known) view[filter.key] = filter.options[0][0];
    return el(
      "label",
      null,
      el("span", null, filter.title),
      el(
        "select",
        { change: (event) => set({ [filter.key]: event.target.value }) },
        filter.options.map(([value, label]) => el("option", { value, selected: value === view[filter.key] }, label)),
      ),
    );
  });
  const tools = el(
    "div",
    { class: "tools" },
    search && el("div", { class: "search" }, search, el("kbd", { "aria-hidden": "true" }, "/")),
    selects,
  );

  function set(change) {
    Object.assign(view, { page: 1 }, change);
    find();
    draw();
    report();
  }

  // report calls changed with everything in the view that differs from the default.
  function report() {
    const kept = {};
    if (view.q) kept.q = view.q;
    if (view.sort !== sort) kept.sort = view.sort;
    if (view.page > 1) kept.page = view.page;
    for (const { key, options } of filters) if (view[key] !== options[0][0]) kept[key] = view[key];
    changed(kept);
  }

  function sortBy(column) {
    const first = column.right || column.most ? "-" + column.key : column.key;
    const second = first === column.key ? "-" + column.key : column.key;
    view.sort = view.sort === first ? second : first;
    view.page = 1;
    arrange();
    find();
    draw();
    report();
  }

  // arrange sorts all rows once, and the filters keep that order. Unknown values come last in both directions.
  function arrange() {
    const down = view.sort.startsWith("-");
    const column = columns.find(({ key, value }) => value && key === view.sort.slice(down ? 1 : 0));
    for (const [key, cell] of heads) {
      if (column?.key === key) cell.setAttribute("aria-sort", down ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    }
    if (!column) {
      order = rows;
      return;
    }
    const sign = down ? -1 : 1;
    const keyed = rows.map((row) => ({ row, key: column.value(row) }));
    keyed.sort((a, b) => {
      if (a.key === b.key) return 0;
      if (a.key === null) return 1;
      if (b.key === null) return -1;
      return a.key < b.key ? -sign : sign;
    });
    order = keyed.map(({ row }) => row);
  }

  // find keeps the rows that contain every word searched for and pass every filter.
  function find() {
    const words = view.q.toLowerCase().split(/\s+/).filter(Boolean);
    const tests = filters
      .filter(({ key }) => view[key] !== "")
      .map(
        ({ key, test }) =>
          (row) =>
            test(row, view[key]),
      );
    seen =
      words.length + tests.length === 0
        ? order
        : order.filter((row) => tests.every((test) => test(row)) && (words.length === 0 || holds(text(row), words)));
  }

  const holds = (haystack, words) => words.every((word) => haystack.includes(word));

  function draw() {
    const last = Math.max(1, Math.ceil(seen.length / pageSize));
    view.page = Math.min(view.page, last);
    const from = (view.page - 1) * pageSize;
    const part = seen.slice(from, from + pageSize);
    body.replaceChildren(
      ...part.map((row, i) =>
        el(
          "tr",
          { role: "row", tabindex: i === 0 ? 0 : -1, "data-row": i },
          columns.map(({ title, cell, right, key }) =>
            el("td", { role: "cell", "data-title": title, class: `${right ? "right " : ""}c-${key}` }, cell(row)),
          ),
        ),
      ),
    );
    grid.hidden = part.length === 0;
    const all = count(rows.length, one);
    status.textContent =
      part.length === 0
        ? rows.length === 0
          ? (empty ?? `No ${one}.`)
          : `No match in ${all}.`
        : (last > 1 ? `${number(from + 1)}–${number(from + part.length)} of ` : "") +
          (seen.length === rows.length ? all : `${count(seen.length, one)} of ${number(rows.length)}`);
    pages.hidden = last === 1;
    const to = (page, label, words, off) =>
      el("button", { type: "button", "aria-label": words, disabled: off, click: () => turn(page) }, label);
    pages.replaceChildren(
      to(1, "«", "First page", view.page === 1),
      to(view.page - 1, "‹ Previous", "Previous page", view.page === 1),
      el("span", null, `page ${number(view.page)} of ${number(last)}`),
      to(view.page + 1, "Next ›", "Next page", view.page === last),
      to(last, "»", "Last page", view.page === last),
    );
  }

  function turn(page) {
    if (page < 1 || page > Math.ceil(seen.length / pageSize)) return;
    view.page = page;
    draw();
    report();
    focusRow(0);
  }

  // The Tab key stops at one row. The arrow keys move between rows.
  function onFocus({ target }) {
    const row = target.closest("tr");
    for (const other of body.children) other.tabIndex = other === row ? 0 : -1;
  }

  function focusRow(i, event) {
    const row = body.children[i];
    if (!row) return;
    event?.preventDefault();
    row.focus();
  }

  function onKey(event) {
    const row = event.target.closest("tr");
    const at = Number(row.dataset.row);
    if (event.target !== row && event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    switch (event.key) {
      case "ArrowDown":
        return focusRow(at + 1, event);
      case "ArrowUp":
        return at > 0 ? focusRow(at - 1, event) : search?.focus();
      case "Home":
        return focusRow(0, event);
      case "End":
        return focusRow(body.children.length - 1, event);
      case "Enter": {
        const where = link?.(seen[(view.page - 1) * pageSize + at]);
        if (where) location.hash = where;
      }
    }
  }

  arrange();
  find();
  draw();
  return el(
    "div",
    { class: "table" },
    rows.length > 0 && (search || filters.length > 0) ? tools : null,
    el("div", { class: "line" }, status, note),
    grid,
    pages,
  );
}

// list creates a small table without paging. On a phone, the rows of a wide table become cards, so each cell has a
// title.
function list(name, titles, rows, { right = [] } = {}) {
  const side = (i) => (right.includes(i) ? "right" : null);
  const line = (row) =>
    el(
      "tr",
      { role: "row" },
      row.map((cell, i) =>
        el("td", { role: i === 0 ? "rowheader" : "cell", class: side(i), "data-title": titles[i] }, cell),
      ),
    );
  return el(
    "table",
    { class: titles.length > 4 ? "list cards" : "list", role: "table", "aria-label": name },
    el(
      "thead",
      { role: "rowgroup" },
      el(
        "tr",
        { role: "row" },
        titles.map((title, i) => el("th", { scope: "col", role: "columnheader", class: side(i) }, title)),
      ),
    ),
    el("tbody", { role: "rowgroup" }, rows.map(line)),
  );
}
