// Marks of charts say what they stand for, to a pointer and to the keyboard: Tab reaches a chart, arrows go from mark to mark.
const tip = at("tip");

function show(mark) {
  tip.textContent = mark.dataset.tip;
  tip.hidden = false;
  const [there, mine] = [mark.getBoundingClientRect(), tip.getBoundingClientRect()];
  const left = Math.min(Math.max(8, there.left + there.width / 2 - mine.width / 2), innerWidth - mine.width - 8);
  const above = there.top - mine.height - 8;
  tip.style.left = `${left}px`;
  tip.style.top = `${above > 8 ? above : there.bottom + 8}px`;
}
const hide = () => (tip.hidden = true);

for (const chart of all("figure svg")) {
  const marks = all("[data-tip]", chart);
  if (!marks.length) continue;
  chart.setAttribute("role", "group"); // an image would hide its marks from screen readers
  marks.forEach((mark, place) => {
    mark.setAttribute("role", "img");
    mark.setAttribute("aria-label", mark.dataset.tip);
    mark.setAttribute("tabindex", place ? "-1" : "0");
    mark.addEventListener("pointerenter", () => show(mark));
    mark.addEventListener("pointerleave", hide);
    mark.addEventListener("focus", () => show(mark));
    mark.addEventListener("blur", hide);
    mark.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      const next = step && marks[place + step];
      if (event.key === "Escape") hide();
      if (!next) return;
      event.preventDefault();
      mark.setAttribute("tabindex", "-1");
      next.setAttribute("tabindex", "0");
      next.focus();
    });
  });
}
addEventListener("scroll", hide, true);
