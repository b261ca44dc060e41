// What gas would cost at another price: USD = gas x gwei x 1e-9 x ether, as in "Assumptions".
const GWEI = 1;
const ETHER = 3000;
const sliders = all('#explore input[type="range"]');
const costs = all("td[data-gas]").map((cell) => ({ cell, told: cell.textContent, value: cell.dataset.value }));
const round = (number) => Number(number.toPrecision(3));
const usd = (gas, gwei, ether) => gas * gwei * 1e-9 * ether;
const printed = (dollars) =>
  dollars > 0 && dollars < 0.01
    ? "<0.01"
    : dollars.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });

function price() {
  const [gwei, ether] = ["gwei", "ether"].map((name) => Number.parseFloat(chosen.get(name)) || 0);
  for (const slider of sliders) {
    const given = { gwei, ether }[slider.name];
    if (given > 0) slider.value = Math.log10(given);
    else slider.value = slider.defaultValue;
    form.querySelector(`[data-of="${slider.name}"]`).textContent = given > 0 ? given.toLocaleString("en") : "as reported";
  }
  const other = gwei > 0 || ether > 0;
  for (const { cell, told, value: reported } of costs) {
    const dollars = usd(Number(cell.dataset.gas), gwei || GWEI, ether || ETHER);
    cell.textContent = other ? printed(dollars) : told;
    cell.dataset.value = other ? dollars : reported;
    cell.classList.toggle("supposed", other);
  }
  for (const heading of all('th[data-key="usd"]')) {
    heading.querySelector(".supposed")?.remove();
    if (!other) continue;
    const note = document.createElement("small");
    note.className = "supposed";
    note.textContent = `at ${gwei || GWEI} gwei, ${(ether || ETHER).toLocaleString("en")} USD`;
    heading.append(note);
  }
}

for (const slider of sliders) {
  slider.addEventListener("input", () => choose(slider.name, String(round(10 ** slider.value))));
}
onChoice(price);
