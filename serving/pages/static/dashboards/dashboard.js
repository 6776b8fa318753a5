// What is drawn and decided on a dashboard; without it the same numbers stand in tables.
import { all, one } from "../modules/page.js";
import { deciding } from "./deciding.js";

deciding();

// The library comes when a chart does: most of the page needs none.
const figures = JSON.parse(one("#figures").textContent);
const charts = all("[data-chart]");
let drawing;
const near = new IntersectionObserver((entries) => {
  entries.filter((entry) => entry.isIntersecting).forEach(async ({ target }) => {
    near.unobserve(target);
    drawing ??= import("./drawing.js");
    (await drawing).draw(target, target.dataset.chart, figures[target.dataset.chart]);
  });
}, { rootMargin: "200px" });
charts.forEach((chart) => near.observe(chart));
