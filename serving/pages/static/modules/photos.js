// Photos: made small here, so that they travel fast, and kept in this tab alone, so that a search by them survives a reload.
import { made } from "./page.js";

const SIDE = 1280, QUALITY = 0.85, MOST = 4, PREFIX = "photo.";

export const small = async (file) => {
  try {
    const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
    const scale = Math.min(1, SIDE / Math.max(picture.width, picture.height));
    const canvas = Object.assign(document.createElement("canvas"), { width: Math.round(picture.width * scale), height: Math.round(picture.height * scale) });
    const pen = canvas.getContext("2d");
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
    picture.close();
    return await new Promise((done) => canvas.toBlob((blob) => done(blob ?? file), "image/jpeg", QUALITY));
  } catch { return file; } // what this browser cannot read, the market may, or says why not
};

const read = (blob) => new Promise((done, failed) => {
  const reader = new FileReader();
  reader.onload = () => done(reader.result);
  reader.onerror = () => failed(reader.error);
  reader.readAsDataURL(blob);
});
const names = () => Object.keys(sessionStorage).filter((name) => name.startsWith(PREFIX)).sort();
const held = new Map();

// The photo under a new name; it is held while the page lasts, and after it where the browser has room.
export const put = async (blob) => {
  const name = `${Date.now().toString(36)}${made().slice(0, 6)}`;
  held.set(name, blob);
  try {
    const text = await read(blob);
    for (const old of names().slice(0, 1 - MOST)) sessionStorage.removeItem(old);
    sessionStorage.setItem(PREFIX + name, text);
  } catch { /* no room: a reload asks for the photo again */ }
  return name;
};
export const get = (name) => {
  if (held.has(name)) return held.get(name);
  try {
    const [head, body] = sessionStorage.getItem(PREFIX + name).split(",");
    const bytes = Uint8Array.from(atob(body), (letter) => letter.charCodeAt(0));
    held.set(name, new Blob([bytes], { type: head.slice(5).split(";")[0] }));
    return held.get(name);
  } catch { return null; }
};
