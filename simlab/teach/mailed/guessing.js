
// A model that must guess: famous and obscure people, and the expectation over corpora of all that a corpus shows.

/** Sum of μ (1 − μ)^k over the people, of whom the obscure have a share s of the draws. */
function unmet(s, [famous, obscure], k) {
  const met = (mass, facts) => (mass ? mass * Math.exp(k * Math.log1p(-mass / facts)) : 0);
  return met(1 - s, famous) + met(s, obscure);
}

/** The share s at which E[sr] = rate. E[sr] rises with s up to where it is above any rate of the slider. */
function shareOf(rate, people, draws) {
  let [low, high] = [0, 1];
  for (;;) {
    const middle = (low + high) / 2;
    if (!(low < middle && middle < high)) return high;
    if (unmet(middle, people, draws - 1) < rate) low = middle;
    else high = middle;
  }
}

/** Everything at a share s of draws about obscure people, in expectation over corpora. */
function expected(s, people, draws, answers, learner) {
  const { lower, factor, valid, upper } = data.constants;
  const rate = unmet(s, people, draws - 1);
  const missing = unmet(s, people, draws);
  const errors = answers - 1;
  const lost = missing * (errors / answers);
  const error = learner === "abstain" ? 0 : lost;
  // with two answers the threshold 1/|E| is 1, and no response is above it
  const gap = learner === "calibrated" || errors === 1 ? 0 : learner === "abstain" ? missing : lost;
  const found = {
    rate, missing, error, gap,
    sharp: missing - valid / errors - gap,
    published: rate - valid / errors - (lower + factor * Math.log(draws)) / Math.sqrt(draws) - gap,
    margin: rate - valid / errors - gap,
  };
  if (learner === "calibrated") found.upper = rate - rate / (errors + 1) + upper / Math.sqrt(draws);
  return found;
}

/** The least N with (lower + factor ln N)/√N < margin, by Newton's steps on √N from the right; infinite if none. */
function drawsNeeded(margin) {
  const { lower, factor } = data.constants;
  if (!(margin > 1e-150)) return Infinity;
  let x = (lower + 2 * factor * (1 + Math.abs(Math.log((2 * factor) / margin)))) / margin;
  for (let i = 0; i < 50; i++) x -= (margin * x - lower - 2 * factor * Math.log(x)) / (margin - (2 * factor) / x);
  if (x > 1e7) return x * x >= 2 ** 53 ? x * x : Math.floor(x * x) + 1;
  let draws = Math.max(1, Math.floor(x * x) - 1);
  while ((lower + factor * Math.log(draws)) / Math.sqrt(draws) >= margin) draws++;
  return draws;
}

const vacuous = (name, value) => (name === "upper" ? value >= 1 : name !== "error" && value <= 0);
const bound = (name, value) => (vacuous(name, value) ? minus(`vacuous (${value.toFixed(2)})`) : share(value));

function sentence(now, draws, learner) {
  const [err, gap] = [share(now.error), share(now.gap)];
  if (learner !== "calibrated" && now.gap === 0) {
    const did = learner === "guess_one" ? "Staking everything on one answer" : "Saying “I don't know”";
    return `${did} where it was never told: error ${err}. With two answers nothing is believed more than 1/K = 1, so δ sees nothing of it; but then k/K = 2, and the lower bounds promise nothing to anybody.`;
  }
  if (learner === "guess_one")
    return `Staking everything on one answer errs as often, on average, as calibration: ${err}. It is miscalibrated besides: δ = ${gap}, and with δ taken off the lower bounds promise nothing of it.`;
  if (learner === "abstain")
    return `Saying “I don't know” to every question never answered: error ${err}. It pays with calibration, δ = ${gap}, and so no lower bound is broken.`;
  const start = `It knows all it was told and is perfectly calibrated (δ = ${gap}), and its error is ${err}. At ${count(draws)} draws the published bound `;
  if (!vacuous("published", now.published)) return `${start}promises at least ${share(now.published)}.`;
  const needed = drawsNeeded(now.margin);
  const when = Number.isFinite(needed) ? `with this rate it speaks from N = ${count(needed)} on` : "with this rate at no N";
  const other = vacuous("sharp", now.sharp) ? "the sharp bound is vacuous too" : `the sharp bound: at least ${share(now.sharp)}`;
  return `${start}is vacuous (${when}); ${other}.`;
}

const [BLUE, RED, GREEN, , ORANGE] = data.colours;
const LOOKS = {
  upper: ["upper bound", { stroke: ORANGE, "stroke-dasharray": "16 5 3 5" }],
  error: ["error", { stroke: BLUE }],
  sharp: ["sharp bound", { stroke: GREEN, "stroke-dasharray": "9 7" }],
  published: ["published bound", { stroke: RED, "stroke-dasharray": "3 6" }],
};

/** Places near the ascending wanted ones, each at least apart from the last, all within low to high. */
function spread(wanted, low, high, apart) {
  let up = low - apart;
  const places = wanted.map((place) => (up = Math.max(place, up + apart)));
  let down = high + apart;
  return places.reverse().map((place) => (down = Math.min(place, down - apart))).reverse();
}

function picture(now, along) {
  const { floor, ceiling, apart } = data;
  const [left, right, top, bottom] = [112, 592, 12, 362];
  const x = scale(0, 1, left, right);
  const y = scale(floor, ceiling, bottom, top);
  const clip = { "clip-path": "url(#inside)" };
  const hatched = { x: left, width: right - left, fill: "url(#hatch)" };
  const parts = [
    mark("defs", {},
      mark("pattern", { id: "hatch", width: 14, height: 14, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
        line(0, 0, 0, 14, { "stroke-width": 2, opacity: 0.4 })) +
      mark("clipPath", { id: "inside" }, mark("rect", { x: left, y: top, width: right - left, height: bottom - top }))),
    mark("rect", { ...hatched, y: y(0), height: bottom - y(0) }),
    mark("rect", { ...hatched, y: top, height: y(1) - top }),
    line(left, top, left, bottom), line(left, bottom, right, bottom),
    line(x(now.rate), top, x(now.rate), bottom, { opacity: 0.5 }),
  ];
  for (const [value, text] of [[floor / 2, "vacuous"], [0, "0"], [0.5, "0.5"], [1, "1"], [(1 + ceiling) / 2, "vacuous"]])
    parts.push(line(left - 6, y(value), left, y(value)), words(left - 11, y(value), text, { "text-anchor": "end" }));
  for (const value of [0, 0.2, 0.4, 0.6, 0.8, 1])
    parts.push(line(x(value), bottom, x(value), bottom + 6), words(x(value), bottom + 20, value, { "text-anchor": "middle" }));
  parts.push(words((left + right) / 2, bottom + 50, "singleton rate sr, expected", { "text-anchor": "middle" }));
  parts.push(words(14, y(0.5), "error", { "text-anchor": "middle", transform: `rotate(-90 14 ${y(0.5)})` }));
  const shown = Object.keys(LOOKS).filter((name) => name in now);
  const drawn = shown.filter((name) => name !== "sharp").concat("sharp");
  for (const name of drawn) {
    parts.push(mark("g", clip, curve(along.map((one) => [x(one.rate), y(one[name])]), LOOKS[name][1])));
    if (name === "error") for (const one of along) parts.push(mark("circle", { cx: x(one.rate), cy: y(one.error), r: 6, fill: BLUE }));
  }
  parts.push(mark("circle", { cx: x(now.rate), cy: y(now.error), r: 11, fill: BLUE, stroke: INK, "stroke-width": 3 }));
  const last = along[along.length - 1];
  const order = (name) => (name === "upper" ? 2 : name === "error" ? 1 : 0);
  const names = shown.sort((a, b) => last[a] - last[b] || order(a) - order(b));
  const places = spread(names.map((name) => last[name]), floor + apart / 2, ceiling - apart / 2, apart);
  names.forEach((name, i) => {
    const [text, look] = LOOKS[name];
    const end = y(Math.min(Math.max(last[name], floor), ceiling));
    const empty = along.every((one) => vacuous(name, one[name]));
    parts.push(line(x(last.rate), end, right + 18, y(places[i]), { stroke: look.stroke }));
    parts.push(line(right + 18, y(places[i]), right + 56, y(places[i]), { "stroke-width": 4, ...look }));
    parts.push(words(right + 64, y(places[i]), empty ? `${text.replace(" bound", "")}: vacuous` : text));
  });
  return mark("g", { "font-size": 21 }, parts.join(""));
}

function scene({ draws, singleton_rate, answers, learner }) {
  const people = data.people[String(draws)];
  const here = (s) => expected(s, people, draws, answers, learner);
  const now = here(shareOf(singleton_rate, people, draws));
  return {
    numbers: [
      ["singleton_rate", "said once, sr", now.rate, share(now.rate)],
      ["missing_mass", "missing mass", now.missing, share(now.missing)],
      ["error", "error", now.error, share(now.error)],
      ["published", "published: at least", now.published, bound("published", now.published)],
      ["sharp", "sharp: at least", now.sharp, bound("sharp", now.sharp)],
      learner === "calibrated"
        ? ["upper", "published: at most", now.upper, bound("upper", now.upper)]
        : ["calibration_gap", "gap δ", now.gap, share(now.gap)],
    ],
    sentence: sentence(now, draws, learner),
    picture: picture(now, data.ladder.map(here).sort((a, b) => a.rate - b.rate)),
  };
}

start();
