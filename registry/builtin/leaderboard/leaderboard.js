// Sorts within each kind, filters by kind and data set, and keeps the view in the page's address:
// #sort=average&order=descending&kind=measured&dataset=DFDC opens the page that way, and
// details=shown adds single runs and where the numbers come from.
(() => {
  "use strict";
  const form = document.getElementById("filters");
  const status = document.getElementById("status");
  const table = document.querySelector("table");
  const heads = [...table.tHead.rows[0].cells];
  const bodies = [...table.tBodies];
  const boxes = (name) => [...form.elements].filter((each) => each.name === name);
  const chosen = (name) => boxes(name).filter((each) => each.checked).map((each) => each.value);
  const isRun = (row) => row.classList.contains("run");
  const rowsOf = (body) => [...body.rows].filter((row) => !row.classList.contains("group"));
  const runsOf = new Map();
  let owner = null;
  bodies.flatMap(rowsOf).forEach((row) => {
    if (isRun(row)) { runsOf.get(owner).push(row); } else { owner = row; runsOf.set(row, []); }
  });
  const switched = form.elements.namedItem("details");
  const averageAt = heads.findIndex((head) => head.dataset.key === "average");
  let sort = null;
  let order = "descending";

  const readAddress = () => {
    const given = new URLSearchParams(location.hash.slice(1));
    for (const name of ["kind", "dataset"]) {
      const wanted = given.getAll(name);
      boxes(name).forEach((box) => { box.checked = !wanted.length || wanted.includes(box.value); });
    }
    switched.checked = given.get("details") === "shown";
    sort = heads.some((head) => head.dataset.key === given.get("sort")) ? given.get("sort") : null;
    order = given.get("order") === "ascending" ? "ascending" : "descending";
  };

  const writeAddress = () => {
    const view = new URLSearchParams();
    if (sort) { view.set("sort", sort); view.set("order", order); }
    for (const name of ["kind", "dataset"]) {
      if (chosen(name).length < boxes(name).length) {
        // An empty value stands for "none", which an absent one would not.
        const kept = chosen(name);
        (kept.length ? kept : [""]).forEach((value) => view.append(name, value));
      }
    }
    if (switched.checked) { view.set("details", "shown"); }
    history.replaceState(null, "", `#${view}`);
  };

  const valued = (row, shown) => heads.flatMap((head, at) =>
    shown.includes(head.dataset.dataset) && row.cells[at].dataset.value !== undefined ? [at] : []);

  // In-domain values are left out of averages.
  const over = (row, shown) =>
    valued(row, shown).filter((at) => !row.cells[at].classList.contains("seen"));

  const average = (row, shown) => {
    const values = over(row, shown).map((at) => Number(row.cells[at].dataset.value));
    const cell = row.cells[averageAt];
    cell.textContent = "-";
    delete cell.dataset.value;
    if (values.length) {
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      const small = document.createElement("small");
      small.className = "interval";
      small.textContent = `over ${values.length}`;
      cell.dataset.value = mean.toFixed(6);
      const figure = document.createElement("span");
      figure.textContent = (100 * mean).toFixed(2);
      cell.replaceChildren(figure, small);
    }
  };

  // Averages compare where they are of one split and over the same data sets, of which the most
  // are asked for; a row without a split is a run on a part of its data.
  const markAverages = (rows, shown) => {
    const sets = new Map();
    rows.forEach((row) => {
      const key = over(row, shown).join();
      if (key) { sets.set(key, [...(sets.get(key) || []), row.cells[averageAt]]); }
    });
    const size = (key) => key.split(",").length;
    const most = Math.max(0, ...[...sets.keys()].map(size));
    const rivals = [...sets].filter(([key, cells]) => size(key) === most && cells.length > 1);
    if (rivals.length === 1) {
      const cells = rivals[0][1];
      const best = Math.max(...cells.map((cell) => Number(cell.dataset.value)));
      cells.forEach((cell) => cell.classList.toggle("best", Number(cell.dataset.value) === best));
    }
  };

  const compare = (at, sign) => (first, second) => {
    const a = first.cells[at].dataset.value;
    const b = second.cells[at].dataset.value;
    if (a === undefined || b === undefined) { return (a === undefined) - (b === undefined); }
    const numbers = [Number(a), Number(b)];
    const numeric = a !== "" && b !== "" && numbers.every(Number.isFinite);
    return sign * (numeric ? numbers[0] - numbers[1] : a.localeCompare(b));
  };

  const apply = () => {
    const shown = chosen("dataset");
    const kinds = chosen("kind");
    const hidden = heads.map((head) => head.dataset.dataset
      ? !shown.includes(head.dataset.dataset)
      : head.classList.contains("detail") && !switched.checked);
    heads.forEach((head, at) => {
      head.hidden = hidden[at];
      if (head.dataset.key === sort) { head.setAttribute("aria-sort", order); }
      else { head.removeAttribute("aria-sort"); }
    });
    table.querySelectorAll("small.detail").forEach((each) => { each.hidden = !switched.checked; });
    const at = heads.findIndex((head) => head.dataset.key === sort);
    let visible = 0;
    for (const body of bodies) {
      body.hidden = !kinds.includes(body.dataset.kind);
      for (const row of rowsOf(body)) {
        [...row.cells].forEach((cell, column) => { cell.hidden = hidden[column]; });
        average(row, shown);
        row.hidden = valued(row, shown).length === 0 || (isRun(row) && !switched.checked);
      }
      const rows = rowsOf(body).filter((row) => !isRun(row));
      visible += body.hidden ? 0 : rows.filter((row) => !row.hidden).length;
      rows.forEach((row) => row.cells[averageAt].classList.remove("best"));
      for (const split of new Set(rows.map((row) => row.dataset.split))) {
        if (split !== undefined) {
          markAverages(rows.filter((row) => row.dataset.split === split), shown);
        }
      }
      if (at >= 0) {
        rows.sort(compare(at, order === "ascending" ? 1 : -1));
        rows.forEach((row) => body.append(row, ...runsOf.get(row)));
      }
    }
    const by = sort ? `, each kind sorted by ${heads[at].textContent}, ${order}` : "";
    status.textContent = `${visible} rows${by}`;
  };

  heads.forEach((head) => head.querySelector("button").addEventListener("click", () => {
    const numbers = head.dataset.dataset || head.dataset.key === "average";
    const turned = order === "descending" ? "ascending" : "descending";
    order = sort === head.dataset.key ? turned : numbers ? "descending" : "ascending";
    sort = head.dataset.key;
    writeAddress();
    apply();
  }));
  form.addEventListener("change", () => { writeAddress(); apply(); });
  form.addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("hashchange", () => { readAddress(); apply(); });
  form.hidden = false;
  readAddress();
  apply();
})();
