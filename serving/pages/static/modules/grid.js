// The grid: cards of different heights without gaps, and more of them before the end is reached.
import { all, elements, one, say } from "./page.js";
import { watch } from "./shopper.js";

// Each card spans as many thin rows as it is high, so the order of the page stays that of the eye.
const lay = (grid) => {
  const cards = [...grid.children];
  grid.classList.add("laid");
  const gap = parseFloat(getComputedStyle(grid).columnGap);
  const heights = cards.map((card) => card.getBoundingClientRect().height);
  cards.forEach((card, at) => { card.style.gridRowEnd = `span ${Math.ceil((heights[at] + gap) / 2)}`; });
};
const widths = new WeakMap();
const resized = new ResizeObserver((entries) => entries.forEach(({ target, contentRect }) => {
  if (widths.get(target) !== contentRect.width) { widths.set(target, contentRect.width); lay(target); }
}));
document.addEventListener("toggle", (event) => {
  const grid = event.target.closest?.(".grid");
  if (grid) lay(grid);
}, true);

export const bones = (count) => Array.from({ length: count }, () =>
  Object.assign(document.createElement("li"), { className: "bone", ariaHidden: "true" }));

// The next page of the shelf has an address; that of a search is a cursor, which is sent.
const nextPage = (nav) => {
  const form = one("form", nav), headers = { Accept: "text/html" };
  if (!form) return fetch(`${one("a", nav).href}&piece=true`, { headers });
  return fetch(`${form.action}&piece=true`, { method: "POST", body: new FormData(form), headers });
};
const loading = new WeakSet();
const loadMore = async (nav) => {
  if (loading.has(nav)) return;
  loading.add(nav);
  near.unobserve(nav);
  const grid = nav.previousElementSibling, waiting = bones(6);
  grid.append(...waiting);
  grid.setAttribute("aria-busy", "true");
  lay(grid);
  try {
    const answer = await nextPage(nav);
    if (!answer.ok) throw new Error(answer.status);
    const fresh = elements(await answer.text()), count = all(".card", fresh).length;
    waiting.forEach((bone) => bone.remove());
    const resting = one(".resting", fresh); // said once on a page, and never between the grid and what follows it
    resting?.remove();
    if (resting && !one(".resting")) grid.before(resting);
    grid.append(...[...fresh.children].filter((element) => element.matches(".card")));
    nav.replaceWith(...fresh.children);
    wake();
    lay(grid);
    say(`${count} more products`);
  } catch {
    waiting.forEach((bone) => bone.remove());
    lay(grid);
    one("a, button", nav).textContent = "That did not load. Try again";
    loading.delete(nav);
  }
  grid.removeAttribute("aria-busy");
};
const near = new IntersectionObserver((entries) => entries.forEach(({ target, isIntersecting }) => {
  if (isIntersecting) loadMore(target);
}), { rootMargin: "900px" });
document.addEventListener("click", (event) => {
  const nav = event.target.closest("a, button")?.closest(".more");
  if (nav && !event.ctrlKey && !event.metaKey) { event.preventDefault(); loadMore(nav); }
});

const known = new WeakSet();
// Brings to life what has arrived on the page.
export const wake = () => {
  const fresh = (selector) => all(selector).filter((element) => !known.has(element) && known.add(element));
  fresh(".grid").forEach((grid) => { lay(grid); resized.observe(grid); });
  fresh(".card").forEach(watch);
  fresh(".more").forEach((nav) => near.observe(nav));
};
