// Charts by uPlot, in the page's colours, walked through with the arrow keys.

const beside = (name) => new URL(`../vendor/uplot/${name}`, import.meta.url).href;
const loaded = new Promise((done, failed) => {
  document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href: beside("uPlot.min.css") }));
  document.head.append(Object.assign(document.createElement("script"), { src: beside("uPlot.iife.min.js"), onload: done, onerror: failed }));
});

const hint = "Point at a day, or walk through them with the arrow keys.";
const unfinished = "not over yet";
const number = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const date = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
const seconds = (day) => Date.parse(`${day}T00:00:00Z`) / 1000;
const colour = (root, name) => getComputedStyle(root).getPropertyValue(name).trim();
// A canvas knows no color-mix() of variables, but what an element's style makes of it.
const mixed = (root, name) => {
  const probe = root.appendChild(document.createElement("i"));
  probe.style.color = `var(${name})`;
  const made = getComputedStyle(probe).color;
  probe.remove();
  return made;
};

// A ring where a day was not as expected, and its expected band behind it.
const marks = (alerts, ink, ground) => (plot) => {
  const { ctx } = plot, ratio = devicePixelRatio;
  alerts.forEach(({ day, value, low, high }) => {
    const at = seconds(day);
    if (at < plot.scales.x.min || at > plot.scales.x.max) return;
    const x = plot.valToPos(at, "x", true), [y, top, bottom] = [value, high, low].map((one) => plot.valToPos(Math.max(one, plot.scales.y.min), "y", true));
    ctx.save();
    ctx.strokeStyle = ink; ctx.lineWidth = 1.5 * ratio; ctx.globalAlpha = .55;
    ctx.beginPath(); ctx.moveTo(x, top); ctx.lineTo(x, bottom);
    [top, bottom].forEach((end) => { ctx.moveTo(x - 4 * ratio, end); ctx.lineTo(x + 4 * ratio, end); });
    ctx.stroke();
    ctx.globalAlpha = 1; ctx.fillStyle = ground; ctx.lineWidth = 2 * ratio;
    ctx.beginPath(); ctx.arc(x, y, 4.5 * ratio, 0, 2 * Math.PI); ctx.fill(); ctx.stroke();
    ctx.restore();
  });
};

const axes = (ink, grid, unit) => {
  const font = "12px system-ui, sans-serif";
  return [
    { stroke: ink, font, size: 30, space: 64, grid: { show: false }, ticks: { show: false }, values: (_, all) => all.map((at) => date.format(at * 1000)), incrs: [1, 2, 7, 14, 28, 56, 91].map((days) => days * 86400) },
    { stroke: ink, font, size: 52, grid: { stroke: grid, width: 1 }, ticks: { show: false }, values: (_, all) => all.map((one) => (unit && Math.abs(one) < 1000 ? number : short).format(one)) },
  ];
};

const kinds = {
  revenue: (root, { unit, days, actual, mean, low, high }) => ({
    data: [days.map(seconds), actual, mean, low, high],
    series: [
      { label: "sold", stroke: colour(root, "--accent"), width: 2, fill: mixed(root, "--area"), points: { show: false } },
      { label: "expected", stroke: mixed(root, "--line-2"), width: 2, dash: [6, 4], points: { show: false } },
      { label: "at least", width: 0, points: { show: false } },
      { label: "at most", width: 0, points: { show: false } },
    ],
    bands: [{ series: [4, 3], fill: mixed(root, "--band") }],
    text: (at) => [
      actual[at] === null ? "" : `${unit} ${number.format(actual[at])} sold`,
      mean[at] === null ? "" : `${unit} ${number.format(mean[at])} expected, likely ${number.format(low[at])} to ${number.format(high[at])}`,
    ].filter(Boolean).join(", ") || unfinished,
    unit,
  }),
  funnel: (root, { days, lines }) => ({
    data: [days.map(seconds), ...lines.map(({ values }) => values)],
    series: lines.map(({ label }, at) => ({ label, stroke: mixed(root, `--line-${at + 1}`), width: 2, points: { show: false } })),
    text: (at) => (lines[0].values[at] === null ? unfinished : lines.map(({ label, values }) => `${label} ${number.format(values[at])}`).join(", ")),
  }),
};

const make = (root, kind, figures) => {
  const read = root.parentElement.querySelector(`[data-chart="${kind}"] ~ .read-out`);
  const { data, series, bands, text, unit } = kinds[kind](root, figures);
  const ink = mixed(root, "--muted");
  // Room for the bands of alerts, which are no series of their own.
  const reach = Math.max(1, ...figures.alerts.flatMap(({ value, high }) => [value, high]));
  const told = (at) => { read.textContent = at === null || at === undefined ? hint : `${date.format(data[0][at] * 1000)}: ${text(at)}`; };
  root.replaceChildren();
  told();
  const plot = new uPlot({
    width: root.clientWidth, height: root.clientHeight, legend: { show: false }, padding: [10, 12, 0, 0],
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
    scales: { x: { time: true }, y: { range: (_, low, high) => [Math.min(0, low ?? 0), 1.08 * Math.max(high ?? 1, figures.alerts.length ? reach : 0, 1)] } },
    tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
    axes: axes(ink, mixed(root, "--line"), unit), series: [{}, ...series], bands: bands ?? [],
    hooks: { draw: [marks(figures.alerts, mixed(root, "--ink"), mixed(root, "--surface"))], setCursor: [(self) => told(self.cursor.idx)] },
  }, data, root);
  return plot;
};

export const draw = async (root, kind, figures) => {
  await loaded;
  let plot = make(root, kind, figures), at = figures.days.length - 1;
  const again = () => { plot.destroy(); plot = make(root, kind, figures); };
  new ResizeObserver(() => { if (root.clientWidth && root.clientWidth !== plot.width) plot.setSize({ width: root.clientWidth, height: root.clientHeight }); }).observe(root);
  new MutationObserver(again).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  root.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, Home: -at, End: figures.days.length - 1 - at }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    at = Math.max(0, Math.min(figures.days.length - 1, at + step));
    plot.setCursor({ left: plot.valToPos(plot.data[0][at], "x"), top: 10 });
  });
  root.dataset.drawn = "";
};
