// The storefront's script. Everything works without it; with it pages answer at once.
import { elements, one, say, setCookie } from "./modules/page.js";
import { wake } from "./modules/grid.js";
import { photoSearch } from "./modules/lens.js";
import { search } from "./modules/search.js";
import { guest } from "./modules/shopper.js";
import { suggest } from "./modules/suggest.js";

wake();
suggest();
photoSearch();
search();

one("#theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  setCookie("theme", root.dataset.theme);
  say(dark ? "Light colours" : "Dark colours");
});

// The row for the chosen shopper.
document.addEventListener("change", async (event) => {
  if (event.target.id !== "shopper") return;
  setCookie("shopper", event.target.value || guest);
  const row = one("#for-you");
  row.setAttribute("aria-busy", "true");
  const answer = await fetch("/for-you");
  if (answer.ok) {
    row.replaceWith(elements(await answer.text()));
    wake();
    one("#shopper").focus();
    say(`For you: ${one("#for-you .why").textContent}`);
  } else {
    row.removeAttribute("aria-busy");
    say("The row could not be loaded");
  }
});

const box = one("#q"), clear = one(".clear");
const offerClear = () => { clear.hidden = !box.value; };
box.addEventListener("input", offerClear);
clear.addEventListener("click", () => { box.value = ""; offerClear(); box.focus(); });
offerClear();
addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.target.closest("input, select, textarea")) { event.preventDefault(); box.focus(); }
});
