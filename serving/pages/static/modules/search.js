// A search that changes without leaving the page. The address always says what is shown, so that it can be shared,
// reloaded and gone back to; a photo is named in it, and stays with the shopper.
import { all, elements, one, say } from "./page.js";
import { bones, wake } from "./grid.js";
import { get } from "./photos.js";

const KEPT = 6, MOST_LEFT = 4;
const pages = new Map();
let asked = null, here = location.pathname + location.search;

export const current = () => new URLSearchParams(location.pathname === "/search" ? location.search : "");
export const photoKey = () => current().get("photo");
const address = (params) => `/search?${params}`;

// The words and filters go in the address, a photo in a form; `progress` hears how much of it has been sent.
const fetched = (params, progress) => new Promise((done, failed) => {
  const blob = params.has("photo") && get(params.get("photo"));
  const request = new XMLHttpRequest(), fields = new FormData();
  asked?.abort();
  asked = request;
  params.forEach((value, name) => { if (name !== "photo") fields.append(name, value); });
  if (blob) fields.append("image", blob, "photo.jpg");
  request.open(blob ? "POST" : "GET", blob ? "/search?piece=true" : `${address(params)}&piece=true`);
  request.setRequestHeader("Accept", "text/html");
  request.upload.onprogress = (event) => blob && progress(event.loaded / event.total);
  request.onload = () => (request.getResponseHeader("content-type") ?? "").includes("html")
    ? done(request.responseText) : failed(new Error(JSON.parse(request.responseText || "{}").detail));
  request.onerror = () => failed(new Error("The market could not be reached. Look whether you are online"));
  request.send(blob ? fields : null);
});

const refuse = (text, again) => {
  const notice = elements('<div class="notice bad" role="alert"><p><strong>This search could not be done.</strong> <span></span> <button class="link" type="button">Try again</button></p></div>');
  one("span", notice).textContent = `${text}.`;
  one("button", notice).addEventListener("click", again);
  const results = one("#results");
  (results ?? one("#main")).replaceChildren(notice);
};

// What had the focus has it again, if it came back.
const focusMark = () => {
  const element = document.activeElement;
  if (!element?.closest("#main")) return null;
  const { id, name, value } = element;
  const same = (other) => other.value === value;
  return () => (id ? document.getElementById(id) : all(`[name="${CSS.escape(name || "-")}"]`).find(same)) ?? null;
};
const wait = (isNew) => {
  const results = one("#results"), grid = Object.assign(document.createElement("ul"), { className: "grid", ariaHidden: "true" });
  grid.append(...bones(10));
  if (results && !isNew) {
    results.setAttribute("aria-busy", "true");
    results.replaceChildren(grid);
  } else {
    const head = elements('<div class="head"><h1>Looking for what looks like it…</h1></div>');
    one("#main").replaceChildren(head, grid);
  }
  wake();
  if (isNew) scrollTo(0, 0);
};
const remember = () => {
  if (one("#main .bone")) return; // nothing to come back to yet
  pages.set(here, { nodes: [...one("#main").childNodes], y: scrollY, title: document.title });
  if (pages.size > KEPT) pages.delete(pages.keys().next().value);
};
const announce = () => document.dispatchEvent(new CustomEvent("soko:search"));
const spread = () => { const panel = one("#panel"); if (panel && matchMedia("(min-width: 1000px)").matches) panel.open = true; };

const show = (html) => {
  const fresh = elements(html), wasOpen = one("#panel")?.open;
  one("#main").replaceChildren(...(one("#main", fresh) ?? fresh).childNodes);
  if (wasOpen && one("#panel")) one("#panel").open = true;
  spread();
  wake();
  const heading = one("#main h1")?.textContent.trim() ?? "Search", count = one("#findings")?.dataset.count ?? "";
  document.title = `${heading} · Soko`;
  say([heading, count, ...all("#findings .notice p").map((notice) => notice.textContent.trim())].filter(Boolean).join(". "));
};

// Shows the search; `isNew` starts from the top of the page, otherwise only the results change under the shopper's hands.
export const visit = async (params, { push = true, isNew = false, progress = () => {} } = {}) => {
  const back = focusMark();
  if (push) {
    remember();
    history.pushState({ soft: true }, "", address(params));
  }
  here = location.pathname + location.search;
  wait(isNew);
  say("Searching");
  announce();
  try {
    const from = here, html = await fetched(params, progress);
    if (from !== here) return;
    show(html);
    const element = back?.();
    (element ?? (isNew || back ? one("#found-title") : null))?.focus({ preventScroll: Boolean(element) });
  } catch (error) {
    refuse(error.message, () => visit(params, { push: false, isNew, progress }));
  }
  announce();
};

// The search that a form or link asks for, with the photo that the shopper holds.
const withPhoto = (said) => {
  const params = new URLSearchParams([...said].filter(([name, value]) => value && !(name === "sort" && value === "relevance")));
  if (photoKey()) params.set("photo", photoKey());
  if (!params.has("price_min") && !params.has("price_max")) params.delete("currency");
  return params;
};
const fromForm = (form, submitter) => {
  const params = new URLSearchParams(new FormData(form));
  if (submitter?.name) params.append(submitter.name, submitter.value);
  return withPhoto(params);
};

const restore = (url) => {
  const page = pages.get(url);
  if (!page) return false;
  pages.delete(url);
  one("#main").replaceChildren(...page.nodes);
  document.title = page.title;
  requestAnimationFrame(() => scrollTo(0, page.y));
  return true;
};

// Leaving for a product and coming back finds the page as it was left, scrolled and all.
const LEFT = "left.pages";
const leftPages = () => { try { return JSON.parse(sessionStorage.getItem(LEFT)) ?? []; } catch { return []; } };
const leave = () => {
  if (!one(".grid .card")) return;
  const copy = one("#main").cloneNode(true);
  all("[style]", copy).forEach((element) => element.removeAttribute("style"));
  all(".bone", copy).forEach((bone) => bone.remove());
  const others = leftPages().filter((page) => page.url !== here).slice(1 - MOST_LEFT);
  try { sessionStorage.setItem(LEFT, JSON.stringify([...others, { url: here, html: copy.innerHTML, y: scrollY }])); } catch { /* no room */ }
};
const comeBack = () => {
  const left = leftPages().find((page) => page.url === here);
  if (!left || performance.getEntriesByType("navigation")[0]?.type !== "back_forward") return false;
  one("#main").replaceChildren(elements(left.html));
  wake();
  history.scrollRestoration = "manual";
  requestAnimationFrame(() => { scrollTo(0, left.y); history.scrollRestoration = "auto"; });
  return true;
};

export const search = () => {
  const isBack = comeBack();
  spread();
  addEventListener("pagehide", leave);
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.id === "words" && photoKey() && get(photoKey())) {
      event.preventDefault();
      const params = current(), words = one("#q").value.trim();
      words ? params.set("q", words) : params.delete("q");
      visit(params);
    } else if ((form.id === "filters" || form.id === "refine") && form.method === "get") {
      event.preventDefault();
      const element = form.id === "filters" && one("#panel");
      if (element && !matchMedia("(min-width: 1000px)").matches && event.submitter) element.open = false;
      visit(fromForm(form, event.submitter), { isNew: form.id === "refine" });
    }
  });
  document.addEventListener("change", (event) => {
    const form = event.target.form;
    if (form?.id !== "filters" || form.method !== "get") return;
    if (event.target.name === "currency" && !one("#price_min").value && !one("#price_max").value) return;
    form.requestSubmit();
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("#main a[href^='/search?']");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    visit(withPhoto(new URLSearchParams(link.search)));
  });
  addEventListener("popstate", () => {
    const url = location.pathname + location.search;
    if (url === here) return;
    const before = here;
    remember();
    here = url;
    one("#q").value = current().get("q") ?? "";
    if (restore(url)) announce();
    else if (location.pathname === "/search" && before.startsWith("/search")) visit(current(), { push: false, isNew: true });
    else location.reload();
  });
  if (photoKey() && get(photoKey()) && !isBack) visit(current(), { push: false, isNew: true });
};
