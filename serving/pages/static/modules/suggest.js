// Suggestions as one types: a combobox with a list, which never stands in the way of a plain search.
// Source: WAI-ARIA Authoring Practices, "Editable Combobox With List Autocomplete".
import { elements, one, say } from "./page.js";
import { photoKey } from "./search.js";

const WAIT = 150, MOST = 8, REMEMBERED = 60;
const KINDS = { category: "Category", seller: "Shop", product: "Product", phrase: "" };
const box = one("#q"), list = one("#suggestions"), form = one("#words");
const answers = new Map();
let timer = 0, asked = null, active = -1, typed = "";

const options = () => [...list.children];
const isOpen = () => !list.hidden;
const close = () => {
  list.hidden = true;
  active = -1;
  box.setAttribute("aria-expanded", "false");
  box.removeAttribute("aria-activedescendant");
};
const mark = (at) => {
  active = at;
  options().forEach((option, number) => option.setAttribute("aria-selected", String(number === at)));
  if (at < 0) box.removeAttribute("aria-activedescendant");
  else box.setAttribute("aria-activedescendant", options()[at].id);
  options()[at]?.scrollIntoView({ block: "nearest" });
  box.value = at < 0 ? typed : options()[at].dataset.text;
};
// A category is a place to go; anything else is a text to search for.
const choose = (option) => {
  const { text, kind } = option.dataset;
  close();
  if (kind === "category" && !photoKey()) return location.assign(`/?${new URLSearchParams({ category: text })}`);
  box.value = text;
  form.requestSubmit();
};

// The text with the typed words set off: each where a word of it begins so.
const highlighted = (text, words) => {
  const holder = document.createElement("span");
  const low = text.toLocaleLowerCase(), whole = low.length === text.length;
  let from = 0;
  const starts = [...low.matchAll(/[\p{L}\p{N}]+/gu)];
  for (const { 0: word, index } of whole ? starts : []) {
    const match = words.filter((one) => word.startsWith(one)).sort((one, other) => other.length - one.length)[0];
    if (!match) continue;
    holder.append(text.slice(from, index), Object.assign(document.createElement("mark"), { textContent: text.slice(index, index + match.length) }));
    from = index + match.length;
  }
  holder.append(text.slice(from));
  return holder;
};
const show = (items) => {
  const words = typed.toLocaleLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  list.replaceChildren(...items.map((item, at) => {
    const option = one("li", elements('<li role="option" aria-selected="false"><small></small></li>'));
    option.id = `suggestion-${at}`;
    Object.assign(option.dataset, { text: item.text, kind: item.kind });
    if (/[\u1200-\u137f]/.test(item.text)) option.lang = "am";
    const count = item.products ? `${item.products.toLocaleString("en")} product${item.products === 1 ? "" : "s"}` : "";
    one("small", option).textContent = [KINDS[item.kind], item.kind === "product" ? "" : count].filter(Boolean).join(", ");
    option.prepend(highlighted(item.text, words));
    return option;
  }));
  active = -1;
  list.hidden = !items.length;
  box.setAttribute("aria-expanded", String(isOpen()));
  box.removeAttribute("aria-activedescendant");
  if (items.length) say(`${items.length} suggestion${items.length === 1 ? "" : "s"}`);
};
const ask = async (isWanted) => {
  asked?.abort();
  typed = box.value;
  const text = typed.trim();
  if (!text && !isWanted) return close(); // with nothing typed they come when asked for
  asked = new AbortController();
  try {
    if (!answers.has(text)) {
      const answer = await fetch(`/api/search/suggestions?${new URLSearchParams({ q: text, limit: MOST })}`, { signal: asked.signal });
      if (!answer.ok) throw new Error(answer.status); // not kept: the next time it may be answered
      answers.set(text, (await answer.json()).items);
      if (answers.size > REMEMBERED) answers.delete(answers.keys().next().value);
    }
    if (box.value.trim() === text && document.activeElement === box) show(answers.get(text));
  } catch (error) {
    if (error.name !== "AbortError") close(); // no suggestions are no reason to stop typing
  }
};
const soon = () => { clearTimeout(timer); timer = setTimeout(ask, WAIT, false); };

export const suggest = () => {
  box.setAttribute("role", "combobox");
  box.setAttribute("aria-autocomplete", "list");
  box.setAttribute("aria-expanded", "false");
  box.setAttribute("aria-controls", list.id);
  box.addEventListener("input", soon);
  box.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const last = list.children.length - 1;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (!isOpen()) { if (event.key === "ArrowDown") ask(true); return; }
      event.preventDefault();
      const next = active + (event.key === "ArrowDown" ? 1 : -1);
      mark(next > last ? -1 : next < -1 ? last : next);
    } else if (event.key === "Escape" && isOpen()) {
      event.preventDefault();
      box.value = typed;
      close();
    } else if (event.key === "Enter" && isOpen() && active >= 0) {
      event.preventDefault();
      choose(options()[active]);
    }
  });
  const leave = () => { clearTimeout(timer); asked?.abort(); close(); };
  box.addEventListener("blur", leave);
  form.addEventListener("submit", leave);
  list.addEventListener("pointerdown", (event) => event.preventDefault()); // the box keeps the focus
  list.addEventListener("mousedown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => { const option = event.target.closest("[role=option]"); if (option) choose(option); });
};
