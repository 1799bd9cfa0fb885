// Sorts and filters the table. Without this script it is in the order of suspicion.
(() => {
  "use strict";
  const table = document.getElementById("files");
  const body = table.tBodies[0];
  const controls = document.querySelector(".controls");
  const name = document.getElementById("name");
  const boxes = [...controls.querySelectorAll('input[type="checkbox"]')];
  const filter = () => {
    const words = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    const text = name.value.toLowerCase();
    let shown = 0;
    for (const row of body.rows) {
      const link = row.querySelector("th a");
      row.hidden = !(words.has(row.dataset.verdict) && link.title.toLowerCase().includes(text));
      shown += !row.hidden;
    }
    document.getElementById("none").hidden = shown > 0;
  };
  const value = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.value === undefined ? cell.textContent : Number(cell.dataset.value);
  };
  const compare = (a, b) => (typeof a === "number" ? a - b : a.localeCompare(b));
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    if (column === 0) return;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const rows = [...body.rows];
      rows.sort((a, b) => (up ? 1 : -1) * compare(value(a, column), value(b, column)));
      body.append(...rows);
    });
  });
  name.addEventListener("input", filter);
  boxes.forEach((box) => box.addEventListener("change", filter));
  controls.hidden = false;
})();
