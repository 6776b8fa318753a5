"use strict";
(() => {
  const one = (selector, root = document) => root.querySelector(selector);
  const waiting = () => [...document.querySelectorAll("[data-review]:not(.decided)")];
  const name = one("#reviewer"), count = one("#waiting");
  if (!name) return;
  name.addEventListener("change", () => { document.cookie = `reviewer=${encodeURIComponent(name.value)}; path=/review; max-age=31536000; samesite=lax`; });
  const stored = document.cookie.match(/(?:^|; )reviewer=([^;]*)/)?.[1];
  if (stored) name.value = decodeURIComponent(stored);
  const go = (card) => { if (card) { card.focus({ preventScroll: true }); card.scrollIntoView({ block: "nearest" }); } };
  const decide = async (card, verdict) => {
    if (!name.reportValidity() || card.classList.contains("busy")) return;
    const said = one(".said", card), next = waiting()[waiting().indexOf(card) + 1];
    card.classList.add("busy");
    try {
      const body = JSON.stringify({ verdict, reviewer: name.value.trim(), content_hash: card.dataset.hash });
      const answer = await fetch(`/api/quality/products/${card.dataset.review}/review`, { method: "POST", body, headers: { "Content-Type": "application/json" } });
      if (!answer.ok) throw new Error((await answer.json()).detail);
      card.classList.add("decided");
      said.textContent = verdict === "approved" ? "Approved." : "Rejected.";
      count.dataset.waiting = Math.max(0, count.dataset.waiting - 1);
      count.textContent = `${count.dataset.waiting} left`;
      go(next ?? waiting()[0]);
    } catch (error) {
      said.textContent = `Not kept: ${error.message || "the market could not be reached"}.`;
    }
    card.classList.remove("busy");
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[form=decide]");
    if (!button) return;
    event.preventDefault();
    decide(button.closest("[data-review]"), button.value);
  });
  addEventListener("keydown", (event) => {
    if (event.target.closest("input, select, textarea, summary") || event.ctrlKey || event.metaKey || event.altKey) return;
    const cards = waiting(), here = event.target.closest("[data-review]"), at = cards.indexOf(here);
    const key = event.key.toLowerCase();
    if (key === "j") go(cards[Math.min(at + 1, cards.length - 1)]);
    else if (key === "k") go(cards[Math.max(at - 1, 0)]);
    else if (at >= 0 && key === "a") decide(here, "approved");
    else if (at >= 0 && key === "r") decide(here, "rejected");
    else if (at >= 0 && key === "o") one("[data-source]", here)?.click();
    else return;
    event.preventDefault();
  });
})();
