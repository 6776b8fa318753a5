// What an inspector of the page looks at; each answers with the faults it found, in words.
({
// Names, roles, references, headings and landmarks.
faults: () => {
  const faults = [], fault = (kind, one) => faults.push(`${kind}: ${one.outerHTML.slice(0, 140)}`);
  const seen = (one) => one.checkVisibility({ visibilityProperty: true });
  const said = (one) => (one.getAttribute("aria-label") ?? "").trim()
    || (one.getAttribute("aria-labelledby") ?? "").split(/\s+/).map((id) => document.getElementById(id)?.textContent ?? "").join(" ").trim()
    || [...(one.labels ?? [])].map((label) => label.textContent).join(" ").trim()
    || one.textContent.trim() || one.querySelector("img")?.alt || one.title;
  document.querySelectorAll("a[href], button, input:not([type=hidden]), select, summary").forEach((one) => said(one) || fault("no name", one));
  document.querySelectorAll("img").forEach((one) => one.hasAttribute("alt") || fault("no alt", one));
  document.querySelectorAll("[aria-controls], [aria-labelledby], [aria-describedby], label[for]").forEach((one) =>
    ["aria-controls", "aria-labelledby", "aria-describedby", "for"].forEach((name) => (one.getAttribute(name) ?? "").split(/\s+/).filter(Boolean)
      .forEach((id) => document.getElementById(id) || fault(`${name} leads nowhere`, one))));
  const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
  ids.forEach((id, at) => ids.indexOf(id) === at || fault("id twice", document.getElementById(id)));
  const roles = ["alert", "combobox", "listbox", "option", "status", "search", "note", "list", "img", "group"];
  document.querySelectorAll("[role]").forEach((one) => roles.includes(one.getAttribute("role")) || fault("role", one));
  document.querySelectorAll("ul > *, ol > *").forEach((one) => ["LI", "SCRIPT", "TEMPLATE"].includes(one.tagName) || fault("no list item", one));
  document.querySelectorAll("fieldset").forEach((one) => one.querySelector("legend")?.textContent.trim() || fault("no legend", one));
  ["header", "main", "footer"].forEach((name) => document.querySelectorAll(`body > ${name}`).length === 1 || faults.push(`${name}: not one`));
  let level = 0;
  document.querySelectorAll("main :is(h1, h2, h3, h4)").forEach((one) => {
    const own = Number(one.tagName[1]);
    if (own > level + 1) fault("heading skips", one);
    level = own;
  });
  document.querySelectorAll("main h1").length === 1 || faults.push("h1: not one");
  document.querySelectorAll("a a, a button, button a, button button").forEach((one) => fault("within another", one));
  return faults;
},

// Texts whose contrast to their ground is less than 4.5 to 1.
pale: () => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const parts = (text) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const light = ([red, green, blue]) => [red, green, blue].map((one) => one / 255).map((one) => one <= .04045 ? one / 12.92 : ((one + .055) / 1.055) ** 2.4)
    .reduce((sum, one, at) => sum + one * [.2126, .7152, .0722][at], 0);
  const ground = (one) => {
    for (let at = one; at; at = at.parentElement) { const found = parts(getComputedStyle(at).backgroundColor); if (found[3] === 255) return found; }
    return [255, 255, 255];
  };
  const pale = [];
  document.querySelectorAll("body *").forEach((one) => {
    const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !one.checkVisibility({ opacityProperty: true }) || one.closest("[aria-hidden=true], .unseen, .skip, option")) return;
    const [front, back] = [light(parts(getComputedStyle(one).color)), light(ground(one))];
    const ratio = (Math.max(front, back) + .05) / (Math.min(front, back) + .05);
    if (ratio < 4.5) pale.push(`${ratio.toFixed(2)} ${one.outerHTML.slice(0, 120)}`);
  });
  return pale;
},

// What ends right of the screen, but for what scrolls by itself.
wide: () => [...document.querySelectorAll("body *")]
.filter(one => !one.closest(".chips, .row, .scroll, .api pre, .unseen, .skip, .pick input"))
.filter(one => one.getBoundingClientRect().right > innerWidth + 1)
.map(one => one.outerHTML.slice(0, 120)),

// What can be touched and is less than 44 pixels high.
small: () => [...document.querySelectorAll("button, select, summary, label, .chips a, .active a, input[type=text]")]
.filter(one => one.checkVisibility() && !one.closest(".unseen, .api, .photo-form, .chooser"))
.filter(one => !one.matches(".balance > label, .sorting > label, .range > label, .edges label, .chooser *, .fold *"))
.filter(one => one.getBoundingClientRect().height < 43.5)
.map(one => one.outerHTML.slice(0, 120)),
})
