
"use strict";
// The parts that both pages share: controls, the link that reopens them, numbers in words, marks of the picture.
// Each page's own script follows; it has scene(settings) -> {numbers: [[name, label, value, text]], sentence, picture}.

const data = JSON.parse(document.getElementById("data").textContent);
const at = (id) => document.getElementById(id);
const INK = "currentColor";
const HALO = { stroke: "var(--paper)", "stroke-width": 5, "paint-order": "stroke", "stroke-linejoin": "round" }; // around words on a line

// ---- numbers as the lecture's pages write them ----

const minus = (text) => text.replace("-", "−");
const general = (value, digits) => String(Number(value.toPrecision(digits)));
const percent = (chance) => `${general(100 * chance, 3)}%`;
const signed = (points, digits) =>
  Math.abs(points) > 1e-12 ? minus((points < 0 ? "" : "+") + points.toFixed(digits)) : "0";

function share(value) {
  if (value === 0 || Math.abs(value) >= 0.001) return value.toFixed(3);
  const [factor, power] = value.toExponential(1).split("e");
  return `${factor}e${power[0]}${power.slice(1).padStart(2, "0")}`;
}

function count(value) {
  if (value < 1e6) return Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, ",");
  const power = Math.floor(Math.log10(value) + 1e-9);
  const factor = value / 10 ** power;
  const ten = "10" + String(power).replace(/\d/g, (digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit]);
  return Math.abs(factor - 1) < 0.005 ? ten : `${general(factor, 3)} × ${ten}`;
}

// ---- marks of a picture; their looks are attributes, so that an exported figure keeps them ----

function mark(name, attributes, inner = "") {
  const said = Object.entries(attributes).map(([key, value]) => `${key}="${value}"`);
  return `<${name} ${said.join(" ")}>${inner}</${name}>`;
}
const line = (x1, y1, x2, y2, look = {}) => mark("line", { x1, y1, x2, y2, stroke: INK, "stroke-width": 1.5, ...look });
const curve = (points, look = {}) =>
  mark("polyline", { points: points.map((p) => p.map((v) => v.toFixed(2)).join()).join(" "), fill: "none", "stroke-width": 4, "stroke-linejoin": "round", ...look });
const words = (x, y, text, look = {}) => mark("text", { x, y, fill: INK, "dominant-baseline": "central", ...look }, text);
const scale = (low, high, from, to) => (value) => from + ((value - low) / (high - low)) * (to - from);

// ---- the page ----

function settings() {
  const found = {};
  for (const one of data.controls) {
    found[one.name] = one.values
      ? one.values[Number(at(one.name).value)]
      : document.querySelector(`input[name="${one.name}"]:checked`).value;
  }
  return found;
}

/** Set the controls to what the address says; say what of it is no setting. */
function reopen() {
  const asked = new URLSearchParams(location.hash.slice(1) || location.search.slice(1));
  const wrong = [];
  for (const one of data.controls) {
    const given = asked.get(one.name);
    if (one.values) {
      const wanted = given === null || !given.trim() ? NaN : Number(given);
      let index = one.index;
      const [least, most] = [one.values[0], one.values.at(-1)];
      if (wanted >= least && wanted <= most) {
        const far = one.values.map((value) => Math.abs(value - wanted));
        index = far.indexOf(Math.min(...far));
      } else if (given !== null) {
        const rule = Number.isFinite(wanted) ? `lies outside ${one.range}` : "is no number";
        wrong.push(`${one.name} = '${given.slice(0, 40)}' ${rule}: give one from ${one.range}; shown is the default`);
      }
      at(one.name).value = index;
    } else {
      const known = given === null || one.options.includes(given);
      if (!known) wrong.push(`${one.name} '${given.slice(0, 40)}' is unknown: choose from ${one.options.join(", ")}; shown is the default`);
      at(`${one.name}-${known && given !== null ? given : one.default}`).checked = true;
    }
  }
  at("refused").textContent = wrong.join(". ");
  at("refused").hidden = !wrong.length;
  show();
}

function show() {
  const now = settings();
  for (const one of data.controls) {
    if (!one.values) continue;
    const told = one.told[Number(at(one.name).value)];
    at(one.name).setAttribute("aria-valuetext", told);
    at(`${one.name}-told`).textContent = told;
  }
  const found = scene(now);
  at("picture").innerHTML = found.picture;
  at("figure").setAttribute("aria-label", found.sentence);
  at("seen").textContent = found.sentence;
  at("numbers").replaceChildren(
    ...found.numbers.map(([name, label, value, text]) => {
      const card = document.createElement("div");
      const term = card.appendChild(document.createElement("dt"));
      const told = card.appendChild(document.createElement("dd"));
      term.textContent = label;
      told.textContent = text;
      told.dataset.number = name;
      told.dataset.value = value;
      told.classList.toggle("long", text.length > 8);
      return card;
    }),
  );
  at("stage").dataset.settings = new URLSearchParams(now);
  at("again").href = `#${at("stage").dataset.settings}`;
}

function follow() {
  show();
  try {
    history.replaceState(null, "", at("again").href);
  } catch {
    // some viewers of attachments forbid it: the link below the controls has the settings all the same
  }
}

function exported() {
  const figure = at("picture").cloneNode(true);
  const [, , width, height] = figure.getAttribute("viewBox").split(" ");
  for (const [key, value] of Object.entries({ width, height, color: "#000", "font-family": "sans-serif" })) {
    figure.setAttribute(key, value);
  }
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([new XMLSerializer().serializeToString(figure)], { type: "image/svg+xml" }));
  link.download = `${data.slug}.svg`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function start() {
  at("panel").addEventListener("input", follow);
  at("panel").addEventListener("submit", (event) => event.preventDefault());
  at("export").addEventListener("click", exported);
  addEventListener("hashchange", reopen);
  reopen();
}
