// Who looks, and what they look at.
import { cookie, kept, made, one, say, setCookie } from "./page.js";

// A random guest, until a demo shopper is chosen.
export const guest = kept(localStorage, "guest", () => `guest-${made()}`);
const session = kept(sessionStorage, "session", made);
const shopper = () => cookie("shopper") || guest;
if (!cookie("shopper")) setCookie("shopper", guest);

// What brought them to the first page of this visit.
const query = new URLSearchParams(location.search);
const came = JSON.parse(kept(sessionStorage, "came", () => JSON.stringify({ referrer: document.referrer.slice(0, 2000),
  utm_source: (query.get("utm_source") ?? "").slice(0, 200), utm_medium: (query.get("utm_medium") ?? "").slice(0, 200) })));

// Events: an id made of session, kind and product, so that sending twice counts once.
const waiting = new Map();
const flush = () => {
  if (!waiting.size) return;
  const events = [...waiting.values()].slice(0, 50);
  const body = new Blob([JSON.stringify(events)], { type: "application/json" });
  if (navigator.sendBeacon("/api/recommendations/interactions", body)) events.forEach((event) => waiting.delete(event.event_id));
};
const record = (kind, product, surface) => {
  const id = `${kind}.${session}.${product}.${shopper()}`;
  waiting.set(id, { event_id: id, user_id: shopper(), product_id: Number(product), kind, session_id: session, surface, ...came });
};
const surfaceOf = (element) => element.closest("[data-surface]")?.dataset.surface ?? "grid";
setInterval(flush, 5000);
addEventListener("pagehide", flush);
document.addEventListener("visibilitychange", () => document.hidden && flush());

// A view is a card that was looked at: more than half of it, for a second.
const looking = new Map();
const seen = new IntersectionObserver((entries) => entries.forEach(({ target, isIntersecting }) => {
  clearTimeout(looking.get(target));
  if (isIntersecting) looking.set(target, setTimeout(() => {
    record("view", target.dataset.product, surfaceOf(target));
    seen.unobserve(target);
  }, 1000));
}), { threshold: 0.6 });
export const watch = (card) => seen.observe(card);

document.addEventListener("click", (event) => {
  const card = event.target.closest(".card");
  if (card && event.target.closest("a")) { record("click", card.dataset.product, surfaceOf(card)); flush(); }
  const hide = event.target.closest("[data-hide]");
  if (hide) {
    record("hide", hide.dataset.hide, surfaceOf(hide));
    flush();
    const next = (card.nextElementSibling ?? card.previousElementSibling)?.querySelector("[data-hide]");
    say(`Hidden: ${card.querySelector("h3").textContent}`);
    card.remove();
    next?.focus();
    return;
  }
  const chat = event.target.closest("[data-lead]");
  if (!chat) return;
  const lead = { event_id: `lead.${session}.${chat.dataset.lead}.${shopper()}`, seller_id: Number(chat.dataset.seller),
    product_id: Number(chat.dataset.lead), user_id: shopper(), channel: "whatsapp", ...came };
  navigator.sendBeacon("/api/crm/leads", new Blob([JSON.stringify(lead)], { type: "application/json" }));
});
const viewed = one("[data-viewed]");
if (viewed) record("view", viewed.dataset.viewed, "product");
