const root = document.documentElement;
const theme = at("theme");
const dark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
const lit = () => theme.setAttribute("aria-pressed", String(dark()));
theme.hidden = false;
theme.addEventListener("click", () => {
  root.dataset.theme = dark() ? "light" : "dark";
  try {
    localStorage.setItem("chainward-theme", root.dataset.theme);
  } catch {} // a file may have no storage
  lit();
});
lit();

const download = at("download");
download.hidden = false;
download.addEventListener("click", () => {
  const link = document.createElement("a");
  const { names, rows } = JSON.parse(at("rows").textContent);
  const told = rows.map((row) => Object.fromEntries(row.map((value, i) => [names[i], value])));
  link.href = URL.createObjectURL(new Blob([JSON.stringify(told)], { type: "application/json" }));
  link.download = "leaderboard.json";
  link.click();
  URL.revokeObjectURL(link.href);
});

// A link to a record must find what is folded away, and a printer the legend.
function follow(anchor) {
  const target = at(anchor);
  if (!target) return;
  for (let one = target; one; one = one.parentElement) if (one.tagName === "DETAILS") one.open = true;
  target.scrollIntoView();
}
let unfolded = [];
addEventListener("beforeprint", () => {
  unfolded = all("details[data-print]:not([open])");
  for (const one of unfolded) one.open = true;
});
addEventListener("afterprint", () => {
  for (const one of unfolded) one.open = false;
});

for (const listener of listeners) listener();
if (location.hash) follow(address().anchor);
