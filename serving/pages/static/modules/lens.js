// Search by a photo: chosen, taken, dropped or pasted; whole or in part; alone or with words.
import { all, one, say } from "./page.js";
import { cropper } from "./crop.js";
import { get, put, small } from "./photos.js";
import { current, photoKey, visit } from "./search.js";

const lens = one("#lens"), shot = one("#shot"), picture = one("img", shot), words = one("#q");
const state = one("#lens-state"), bar = one("progress", lens), weight = one("#weight"), balance = one("#balance");
const part = one("#search-part"), whole = one("#whole"), drop = one(".drop");
const HINT = "Drag over the photo to search by a part of it.";
const plain = words.placeholder;
let shown = null;

const progress = (share) => {
  bar.hidden = false;
  bar.value = share;
  state.textContent = share < 1 ? "Sending the photo…" : "Looking for what looks like it…";
};
const look = (params, isNew) => {
  progress(0);
  const text = words.value.trim();
  text ? params.set("q", text) : params.delete("q");
  crop.text() ? params.set("box", crop.text()) : params.delete("box");
  return visit(params, { isNew, progress });
};
const crop = cropper(shot, one(".part", shot), all(".edges input", lens), () => {
  const text = crop.text(), isOther = text !== (current().get("box") ?? "");
  part.hidden = !isOther;
  part.textContent = text ? "Search this part" : "Search the whole photo";
  whole.hidden = !text;
  if (isOther) say(text ? "Part marked. Press Search this part." : "Nothing marked.");
});
const spoken = () => { weight.setAttribute("aria-valuetext", `${Math.round((1 - weight.value) * 100)} % the photo, ${Math.round(weight.value * 100)} % the words`); };

// The panel as the address says: which photo, which part of it, which weight.
const follow = () => {
  const params = current(), name = photoKey(), blob = name && get(name);
  lens.hidden = !blob;
  words.placeholder = blob ? "Add words, if you like" : plain;
  if (!blob) { shown = null; return; }
  if (shown !== name) {
    URL.revokeObjectURL(picture.src);
    picture.src = URL.createObjectURL(blob);
    shown = name;
  }
  words.value = params.get("q") ?? "";
  crop.read(params.get("box"));
  part.hidden = true;
  whole.hidden = !params.has("box");
  balance.hidden = !params.has("q");
  if (params.has("image_weight")) weight.value = 1 - params.get("image_weight");
  spoken();
  if (!one("#main [aria-busy], #main .bone")) { bar.hidden = true; state.textContent = HINT; }
};

const choose = async (file) => {
  if (!file) return;
  lens.hidden = false;
  picture.removeAttribute("src");
  bar.hidden = true;
  state.textContent = "Making the photo smaller…";
  say("Making the photo smaller");
  crop.read("");
  const name = await put(await small(file));
  return look(new URLSearchParams({ photo: name }), true);
};
const isPicture = (file) => file.type.startsWith("image/");

// Anywhere on the page a photo may be dropped or pasted.
const carriesFile = (event) => event.dataTransfer?.types.includes("Files");
let depth = 0;
const veil = (change) => { depth = Math.max(0, depth + change); drop.hidden = depth === 0; };
const listen = () => {
  addEventListener("paste", (event) => choose([...(event.clipboardData?.files ?? [])].find(isPicture)));
  addEventListener("dragenter", (event) => carriesFile(event) && veil(1));
  addEventListener("dragleave", (event) => carriesFile(event) && veil(-1));
  addEventListener("dragover", (event) => carriesFile(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    if (!carriesFile(event)) return;
    event.preventDefault();
    veil(-depth);
    choose(event.dataTransfer.files[0]);
  });
};

export const photoSearch = () => {
  for (const id of ["#photo", "#camera"]) {
    one(id).addEventListener("change", (event) => { choose(event.target.files[0]); event.target.value = ""; });
  }
  part.addEventListener("click", () => look(current()));
  whole.addEventListener("click", () => { crop.read(""); look(current()); });
  weight.addEventListener("input", spoken);
  weight.addEventListener("change", () => {
    const params = current();
    params.set("image_weight", (1 - weight.value).toFixed(2));
    look(params);
  });
  one("#another").addEventListener("click", () => one("#photo").click());
  one("#drop-photo").addEventListener("click", () => {
    const text = words.value.trim();
    location.assign(text ? `/search?${new URLSearchParams({ q: text })}` : "/");
  });
  document.addEventListener("soko:search", follow);
  listen();
  follow();
};
