// Alerts that were seen or muted, and leads that were worked on, told to the API.
import { all, one, say } from "../modules/page.js";

const tell = async (address, body) => {
  try {
    const answer = await fetch(address, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    return answer.ok ? "" : (await answer.json()).detail ?? answer.statusText;
  } catch { return "the network does not answer"; }
};

const alert = async (button) => {
  const line = button.closest("[data-alert]"), state = button.dataset.state;
  const wrong = await tell(`/api/analytics/alerts/${line.dataset.alert}/state`, { state });
  if (wrong) { say(`Not kept: ${wrong}`); return; }
  line.className = `alert ${state}`;
  const tag = one(".tag", line);
  tag.className = "tag";
  tag.textContent = state;
  tag.tabIndex = -1;
  tag.focus();
  all("button", line).filter((other) => state === "muted" || other.dataset.state === "seen").forEach((other) => other.remove());
  say(`Marked as ${state}`);
};

const lead = async (select) => {
  const line = select.closest("[data-lead]"), seller = one(".dash").dataset.seller;
  const wrong = await tell(`/api/crm/sellers/${seller}/leads/${encodeURIComponent(line.dataset.lead)}/state`, { state: select.value });
  const tag = one(".tag", line);
  if (wrong) { select.value = tag.textContent; say(`Not kept: ${wrong}`); return; }
  tag.className = { new: "tag failed", ordered: "tag done" }[select.value] ?? "tag";
  tag.textContent = select.value;
  say(`The lead is ${select.value}`);
};

export const deciding = () => {
  document.addEventListener("click", (event) => { const button = event.target.closest("[data-alert] button"); if (button) alert(button); });
  document.addEventListener("change", (event) => { if (event.target.matches("[data-lead] select")) lead(event.target); });
};
