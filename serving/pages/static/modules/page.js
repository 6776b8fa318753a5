// What every part of the page uses: elements, cookies, the live region.
export const one = (selector, root = document) => root.querySelector(selector);
export const all = (selector, root = document) => [...root.querySelectorAll(selector)];
export const elements = (html) => Object.assign(document.createElement("template"), { innerHTML: html }).content;
export const say = (text) => { one("#status").textContent = text; };

const YEAR = 31536000;
export const cookie = (name) => document.cookie.match(new RegExp(`(?:^|; )${name}=([^;]*)`))?.[1] ?? "";
export const setCookie = (name, value) => {
  document.cookie = `${name}=${value}; path=/; max-age=${value ? YEAR : 0}; samesite=lax`;
};

export const made = () => crypto.getRandomValues(new Uint32Array(3)).reduce((text, number) => text + number.toString(36), "");
export const kept = (store, name, make) => {
  try { return store.getItem(name) ?? (store.setItem(name, make()), store.getItem(name)); } catch { return make(); }
};
