"use strict";
// Tables of class "sortable": a button in each heading sorts; a form of class "filters"
// with data-table="<id>" hides rows. Its search box looks at a row's text, a select
// with data-column="<i>" at one cell.
(() => {
  const value = (row, column) =>
    row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
  const key = (row, column) => {
    const text = value(row, column);
    const number = text === "" ? NaN : Number(text);
    return Number.isNaN(number) ? text : number;
  };
  const compare = (a, b) => {
    // What is missing comes last in both directions.
    if (typeof a === "number" && typeof b === "number") return a - b;
    if (typeof a === "number") return -1;
    if (typeof b === "number") return 1;
    return a.localeCompare(b);
  };
  const sort = (table, heading) => {
    const descending = heading.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.rows[0].cells) {
      if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
    }
    heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const column = heading.cellIndex;
    const keyed = [...table.tBodies[0].rows].map((row) => [key(row, column), row]);
    keyed.sort(([a], [b]) => {
      if (descending && typeof a === typeof b) return compare(b, a);
      return compare(a, b);
    });
    table.tBodies[0].append(...keyed.map(([, row]) => row));
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    for (const heading of table.tHead.rows[0].cells) {
      const button = heading.querySelector("button");
      if (button) button.addEventListener("click", () => sort(table, heading));
    }
  }
  for (const form of document.querySelectorAll("form.filters")) {
    const rows = [...document.getElementById(form.dataset.table).tBodies[0].rows];
    const said = form.querySelector("output");
    const filter = () => {
      const words = (form.querySelector("input[type=search]")?.value ?? "")
        .toLowerCase().split(/\s+/).filter(Boolean);
      const wanted = [...form.querySelectorAll("select[data-column]")]
        .filter((select) => select.value !== "")
        .map((select) => [Number(select.dataset.column), select.value]);
      let shown = 0;
      for (const row of rows) {
        const text = row.textContent.toLowerCase();
        row.hidden = !(words.every((word) => text.includes(word)) &&
          wanted.every(([column, chosen]) => value(row, column) === chosen));
        shown += !row.hidden;
      }
      if (said) said.textContent = `${shown} of ${rows.length} rows`;
    };
    for (const event of ["input", "change"]) form.addEventListener(event, filter);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(filter));
    filter();
  }
})();
