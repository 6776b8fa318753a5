"use strict";
(() => {
  const one = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const YEAR = 31536000;
  const say = (text) => { one("#status").textContent = text; };
  const cookie = (name) => document.cookie.match(new RegExp(`(?:^|; )${name}=([^;]*)`))?.[1] ?? "";
  const setCookie = (name, value) => { document.cookie = `${name}=${value}; path=/; max-age=${value ? YEAR : 0}; samesite=lax`; };
  const made = () => crypto.getRandomValues(new Uint32Array(3)).reduce((text, number) => text + number.toString(36), "");
  const kept = (store, name, make) => {
    try { return store.getItem(name) ?? (store.setItem(name, make()), store.getItem(name)); } catch { return make(); }
  };
  const elements = (html) => { const box = document.createElement("template"); box.innerHTML = html; return box.content; };

  // Who looks: a random guest, until a demo shopper is chosen.
  const guest = kept(localStorage, "guest", () => `guest-${made()}`);
  const session = kept(sessionStorage, "session", made);
  const shopper = () => cookie("shopper") || guest;
  if (!cookie("shopper")) setCookie("shopper", guest);

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
    waiting.set(id, { event_id: id, user_id: shopper(), product_id: Number(product), kind, session_id: session, surface });
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

  document.addEventListener("click", (event) => {
    const card = event.target.closest(".card");
    if (card && event.target.closest("a")) { record("click", card.dataset.product, surfaceOf(card)); flush(); }
    const chat = event.target.closest("[data-lead]");
    if (!chat) return;
    const lead = { event_id: `lead.${session}.${chat.dataset.lead}.${shopper()}`, seller_id: Number(chat.dataset.seller),
      product_id: Number(chat.dataset.lead), user_id: shopper(), channel: "whatsapp" };
    navigator.sendBeacon("/api/crm/leads", new Blob([JSON.stringify(lead)], { type: "application/json" }));
  });

  // Masonry: each card spans as many thin rows as it is high, so the order of the page stays that of the eye.
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

  // Infinite scroll: the next page is fetched before its place is reached.
  const loadMore = async (nav) => {
    const grid = nav.previousElementSibling, link = one("a", nav);
    const bones = Array.from({ length: 6 }, () => Object.assign(document.createElement("li"), { className: "bone", ariaHidden: "true" }));
    grid.append(...bones);
    grid.setAttribute("aria-busy", "true");
    lay(grid);
    try {
      const answer = await fetch(`${link.href}&piece=true`);
      if (!answer.ok) throw new Error(answer.status);
      const fresh = elements(await answer.text()), cards = all(".card", fresh), next = one(".more", fresh);
      bones.forEach((bone) => bone.remove());
      grid.append(...cards);
      next ? nav.replaceWith(next) : nav.remove();
      wake(document);
      lay(grid);
      say(`${cards.length} more products`);
    } catch {
      bones.forEach((bone) => bone.remove());
      lay(grid);
      link.textContent = "That did not load. Try again";
    }
    grid.removeAttribute("aria-busy");
  };
  const near = new IntersectionObserver((entries) => entries.forEach(({ target, isIntersecting }) => {
    if (isIntersecting) { near.unobserve(target); loadMore(target); }
  }), { rootMargin: "900px" });
  document.addEventListener("click", (event) => {
    const nav = event.target.closest(".more");
    if (nav && !event.ctrlKey && !event.metaKey) { event.preventDefault(); near.unobserve(nav); loadMore(nav); }
  });

  const known = new WeakSet();
  const wake = (root) => {
    const fresh = (selector) => all(selector, root).filter((element) => !known.has(element) && known.add(element));
    fresh(".grid").forEach((grid) => { lay(grid); resized.observe(grid); });
    fresh(".card").forEach((card) => seen.observe(card));
    fresh(".more").forEach((nav) => near.observe(nav));
  };
  wake(document);
  const viewed = one("[data-viewed]");
  if (viewed) record("view", viewed.dataset.viewed, "product");

  // Colours.
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
      wake(document);
      one("#shopper").focus();
      say(`For you: ${one("#for-you .why").textContent}`);
    } else {
      row.removeAttribute("aria-busy");
      say("The row could not be loaded");
    }
  });

  // Search by photo: chosen, dropped or pasted; made small here, so that it travels fast.
  const words = one("#words"), box = one("[name=q]", words), chosen = one(".chosen"), drop = one(".drop");
  let photo = null, asked = null, opened = location.pathname;
  const small = async (file) => {
    try {
      const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
      const scale = Math.min(1, 1024 / Math.max(picture.width, picture.height));
      const canvas = Object.assign(document.createElement("canvas"), { width: picture.width * scale, height: picture.height * scale });
      const pen = canvas.getContext("2d");
      pen.fillStyle = "#fff";
      pen.fillRect(0, 0, canvas.width, canvas.height);
      pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
      return await new Promise((done) => canvas.toBlob((blob) => done(blob ?? file), "image/jpeg", 0.88));
    } catch { return file; }
  };
  const refuse = (text) => {
    const notice = elements('<div class="notice bad" role="alert"><p><strong>This search could not be done.</strong> <span></span></p></div>');
    one("span", notice).textContent = text;
    one("#main").replaceChildren(notice);
  };
  const searchPhoto = async () => {
    asked?.abort();
    asked = new AbortController();
    const main = one("#main"), form = new FormData();
    form.append("image", photo, "photo.jpg");
    if (box.value.trim()) form.append("q", box.value.trim());
    main.replaceChildren(elements(`<div class="head"><h1>Looking for what looks like it…</h1></div><ul class="grid" aria-hidden="true">${'<li class="bone"></li>'.repeat(10)}</ul>`));
    wake(main);
    scrollTo(0, 0);
    say("Searching");
    if (!history.state?.photo) history.pushState({ photo: true }, "", "/search");
    opened = "/search";
    document.title = "Photo search · Soko";
    try {
      const answer = await fetch("/search?piece=true", { method: "POST", body: form, headers: { Accept: "text/html" }, signal: asked.signal });
      if (answer.headers.get("content-type").includes("json")) return refuse((await answer.json()).detail);
      main.replaceChildren(elements(await answer.text()));
      wake(main);
      one("#found-title")?.focus({ preventScroll: true });
      say(`${one("#findings")?.dataset.count ?? 0} products found`);
    } catch (error) {
      if (error.name !== "AbortError") refuse("The market could not be reached.");
    }
  };
  const choose = async (file) => {
    if (!file) return;
    photo = await small(file);
    const picture = one("img", chosen);
    URL.revokeObjectURL(picture.src);
    picture.src = URL.createObjectURL(photo);
    chosen.hidden = false;
    box.placeholder = "Add words, if you like";
    await searchPhoto();
  };
  one("#photo").addEventListener("change", (event) => { choose(event.target.files[0]); event.target.value = ""; });
  one("button", chosen).addEventListener("click", () => {
    photo = null;
    chosen.hidden = true;
    box.value ? words.submit() : location.assign("/");
  });
  words.addEventListener("submit", (event) => { if (photo) { event.preventDefault(); searchPhoto(); } });
  addEventListener("popstate", (event) => { if (event.state?.photo || location.pathname !== opened) location.reload(); });
  addEventListener("paste", (event) => choose([...event.clipboardData.files].find((file) => file.type.startsWith("image/"))));
  let depth = 0;
  const carriesFile = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragenter", (event) => { if (carriesFile(event)) { depth += 1; drop.hidden = false; } });
  addEventListener("dragleave", (event) => { if (carriesFile(event) && --depth <= 0) { depth = 0; drop.hidden = true; } });
  addEventListener("dragover", (event) => carriesFile(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    if (!carriesFile(event)) return;
    event.preventDefault();
    depth = 0;
    drop.hidden = true;
    choose(event.dataTransfer.files[0]);
  });
  addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.target.closest("input, select, textarea")) { event.preventDefault(); box.focus(); }
  });
})();
