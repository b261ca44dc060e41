const NOTHING = ["", "–", "none estimable"];
const tables = all("table.sortable");
const headings = (table) => [...table.tHead.rows[0].cells];

// What a cell is sorted by: what it prints, unless it says otherwise. A failed row has one wide cell: no value under most.
function value(row, column, numeric) {
  const cell = row.cells[column];
  if (!cell || "wide" in cell.dataset) return "";
  const text = cell.dataset.value ?? cell.textContent.trim();
  if (NOTHING.includes(text)) return "";
  const number = Number.parseFloat(text.replaceAll(",", "").replace("−", "-").replace(/^</, ""));
  return numeric ? (Number.isNaN(number) ? "" : number) : text;
}

const compare = (a, b) => {
  // What has no figure stands last, whichever way the column is sorted.
  if (a === "" || b === "") return 0;
  return typeof a === "number" ? a - b : a.localeCompare(b, "en");
};

function sort(table, heading, direction) {
  const [column, numeric] = [heading.cellIndex, heading.classList.contains("number")];
  const sign = direction === "ascending" ? 1 : -1;
  for (const other of headings(table)) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", direction);
  for (const body of table.tBodies) {
    const rows = [...body.rows].filter((row) => !row.classList.contains("group"));
    const order = new Map(rows.map((row) => [row, value(row, column, numeric)]));
    rows.sort((a, b) => {
      const [left, right] = [order.get(a), order.get(b)];
      return (left === "") - (right === "") || sign * compare(left, right);
    });
    body.append(...rows);
  }
}

// The first press sorts from the useful end, the next one from the other.
function press(table, heading) {
  const first = heading.dataset.first ?? "ascending";
  const second = first === "ascending" ? "descending" : "ascending";
  const direction = heading.getAttribute("aria-sort") === first ? second : first;
  sort(table, heading, direction);
  choose("sort", [tables.indexOf(table) + 1, heading.dataset.key ?? heading.cellIndex, direction].join("."));
}

function resort() {
  const [number, column, direction] = (chosen.get("sort") ?? "").split(".");
  const table = tables[number - 1];
  const heading = table && headings(table).find((one) => (one.dataset.key ?? String(one.cellIndex)) === column);
  const known = direction === "ascending" || direction === "descending";
  if (heading && known && heading.getAttribute("aria-sort") !== direction) sort(table, heading, direction);
}

for (const table of tables) {
  for (const heading of headings(table)) {
    const text = heading.querySelector(".heading"); // no button of its own, which a printer would leave out
    text.setAttribute("role", "button");
    text.tabIndex = 0;
    text.addEventListener("click", () => press(table, heading));
    text.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      press(table, heading);
    });
  }
}

// Columns that a reader does not want, by their keys, in every leaderboard.
const boards = all("#leaderboard table.long");
const boxes = all("#columns input");

function showColumns() {
  const hidden = new Set((chosen.get("hide") ?? "").split(","));
  for (const box of boxes) box.checked = !hidden.has(box.value);
  for (const table of boards) {
    const away = headings(table).map((heading) => hidden.has(heading.dataset.key));
    for (const row of table.rows) {
      for (const cell of row.cells) {
        if (cell.colSpan === 1 && !("wide" in cell.dataset)) cell.hidden = away[cell.cellIndex];
      }
    }
  }
  fit();
}

for (const box of boxes) {
  box.addEventListener("change", () => {
    const away = boxes.filter((one) => !one.checked).map((one) => one.value);
    choose("hide", away.join(","));
  });
}

// A table that is no wider than the page has its head stick to the window, any other scrolls in a window of its own.
function fit() {
  for (const box of all(".scroll:not(.chart)")) {
    box.classList.remove("fits");
    box.classList.toggle("fits", box.scrollWidth <= box.clientWidth);
  }
}
addEventListener("resize", fit);
onChoice(resort);
onChoice(showColumns);
