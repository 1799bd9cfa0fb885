// Counts videos at a threshold that the reader sets. Without this script the rows are not there.
(() => {
  "use strict";
  for (const row of document.querySelectorAll("tr.own")) {
    const slider = row.querySelector("input");
    const numbers = (text) => (text ? text.split(" ").map(Number) : []);
    const fake = numbers(row.dataset.fake);
    const real = numbers(row.dataset.real);
    const apply = () => {
      const at = Number(slider.value);
      const found = fake.filter((score) => score >= at).length;
      const alarms = real.filter((score) => score >= at).length;
      row.querySelector("output").textContent = at.toFixed(2);
      const counts = [found, fake.length - found, real.length - alarms, alarms];
      counts.forEach((count, at) => { row.cells[at + 1].textContent = count.toLocaleString("en"); });
    };
    slider.addEventListener("input", apply);
    row.hidden = false;
    apply();
  }
})();
