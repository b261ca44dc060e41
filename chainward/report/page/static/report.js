"use strict";
// Everything here only adds to a page that is complete without it.

const NOTHING = ["", "–", "none estimable"];

// What a cell is sorted by: what it prints, unless it says otherwise. A failed row has one wide cell: no value under most.
function value(row, column, numeric) {
  const cell = row.cells[column];
  if (!cell || cell.colSpan !== 1) return "";
  const text = cell.dataset.value ?? cell.textContent.trim();
  if (NOTHING.includes(text)) return "";
  const number = Number.parseFloat(text.replaceAll(",", "").replace("−", "-"));
  return numeric ? (Number.isNaN(number) ? "" : number) : text;
}

const compare = (a, b) => {
  // What has no figure stands last, whichever way the column is sorted.
  if (a === "" || b === "") return 0;
  return typeof a === "number" ? a - b : a.localeCompare(b, "en");
};

function sort(table, heading) {
  const column = heading.cellIndex;
  const numeric = heading.classList.contains("number");
  const first = numeric ? "descending" : "ascending";
  const second = first === "ascending" ? "descending" : "ascending";
  const direction = heading.getAttribute("aria-sort") === first ? second : first;
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", direction);
  const sign = direction === "ascending" ? 1 : -1;
  const body = table.tBodies[0];
  const rows = [...body.rows].sort((a, b) => {
    const [left, right] = [value(a, column, numeric), value(b, column, numeric)];
    return (left === "") - (right === "") || sign * compare(left, right);
  });
  body.append(...rows);
}

for (const table of document.querySelectorAll("table.sortable")) {
  for (const heading of table.tHead.rows[0].cells) {
    const text = heading.querySelector(".heading");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = text.textContent;
    button.addEventListener("click", () => sort(table, heading));
    text.replaceWith(button);
  }
}

const root = document.documentElement;
const theme = document.getElementById("theme");
const dark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
const show = () => theme.setAttribute("aria-pressed", String(dark()));
theme.hidden = false;
theme.addEventListener("click", () => {
  root.dataset.theme = dark() ? "light" : "dark";
  show();
});
show();

const download = document.getElementById("download");
download.hidden = false;
download.addEventListener("click", () => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([document.getElementById("rows").textContent], { type: "application/json" }));
  link.download = "leaderboard.json";
  link.click();
  URL.revokeObjectURL(link.href);
});

// A link to a record, and a printer, must find what is folded away.
const unfold = (element) => {
  for (let one = element; one; one = one.parentElement) if (one.tagName === "DETAILS") one.open = true;
};
const follow = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target && target.closest("details")) {
    unfold(target);
    target.scrollIntoView();
  }
};
addEventListener("hashchange", follow);
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => (one.open = true)));
follow();
