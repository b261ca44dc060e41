const form = at("explore");
const strategies = JSON.parse(at("strategies").textContent);
const fields = ["q", "task", "family", "consensus", "sees", "attack"];
const rowsOf = all("[data-s]").map((element) => ({
  element,
  facts: strategies[element.dataset.s],
  words: `${strategies[element.dataset.s].words} ${element.querySelector("th, h3")?.textContent ?? ""}`.toLowerCase(),
}));
const blocks = all("[data-task]");

// Whether a row, a card or a claim is among what is looked for; who sees is asked of the row itself where it says so.
function matches({ element, facts, words }, wanted) {
  const sees = element.dataset.sees ? [element.dataset.sees] : facts.sees;
  return (
    wanted.q.toLowerCase().split(/\s+/).every((word) => words.includes(word)) &&
    (!wanted.family || facts.family.includes(wanted.family)) &&
    (!wanted.consensus || facts.consensus === wanted.consensus) &&
    (!wanted.sees || sees.includes(wanted.sees))
  );
}

// Blocks of another task, and of another attack, are hidden; those without any attack stay, which others are held against.
function among(block, wanted) {
  const { task, attack } = block.dataset;
  return (!wanted.task || task === wanted.task) && (!wanted.attack || !attack || attack === wanted.attack);
}

function filter() {
  const wanted = Object.fromEntries(fields.map((name) => [name, chosen.get(name) ?? ""]));
  for (const name of fields) if (form.elements[name]) form.elements[name].value = wanted[name];
  for (const block of blocks) block.hidden = !among(block, wanted);
  for (const row of rowsOf) row.element.hidden = !matches(row, wanted);
  for (const group of all("tr.group")) {
    group.hidden = all("[data-s]", group.parentElement).every((row) => row.hidden);
  }
  const found = all("#leaderboard div[data-task] > .scroll tr[data-s]");
  const shown = found.filter((row) => !row.closest("[hidden]")).length;
  const narrowed = fields.some((name) => wanted[name]);
  at("shown").textContent = narrowed ? `${shown} of ${found.length}` : "";
  fit();
}

form.hidden = false;
form.addEventListener("submit", (event) => event.preventDefault());
for (const name of fields) {
  const field = form.elements[name];
  if (field) field.addEventListener("input", () => choose(name, field.value.trim()));
}
at("reset").addEventListener("click", () => {
  for (const name of [...chosen.keys()]) chosen.delete(name);
  for (const heading of all("th[aria-sort]")) heading.removeAttribute("aria-sort");
  choose("q", "");
});
// What lies open over the page closes as any menu does.
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && at("options").open) {
    at("options").open = false;
    at("options").querySelector("summary").focus();
  }
});
addEventListener("click", (event) => {
  if (!event.target.closest?.("#explore")) at("options").open = false;
});
onChoice(filter);
