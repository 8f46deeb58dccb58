
// The exam: what answering earns at a belief, what abstaining earns, and who leads where both know the same.

/** What a right answer, a wrong one and none earn. */
function ruleOf(name, stated, penalty) {
  if (name === "target") return { correct: 1, wrong: -stated / (1 - stated), abstain: 0 };
  if (name === "by_hand") return { correct: 1, wrong: -penalty, abstain: 0 };
  return data.rules[name];
}

const earns = (rule, q) => q * rule.correct + (1 - q) * rule.wrong;
const breakEven = (rule) => (rule.abstain - rule.wrong) / (rule.correct - rule.wrong);

/** The chance of being right at each level of difficulty, of a model of competence 0 that is calibrated. */
const levels = data.questions.difficulty.map((difficulty, i) => {
  const chance = 1 / data.questions.answers;
  return { q: chance + (1 - chance) / (1 + Math.exp(difficulty)), number: data.questions.number[i] };
});
const total = levels.reduce((sum, level) => sum + level.number, 0);

/** Expected mean score of who answers where it is more than t sure, and how far 95 % of runs stray from it. */
function board(rule, t) {
  let [score, variance] = [0, 0];
  for (const { q, number } of levels) {
    score += (number / total) * (q > t ? earns(rule, q) : rule.abstain);
    if (q > t) variance += number * q * (1 - q) * (rule.correct - rule.wrong) ** 2;
  }
  return { score, stray: (data.normal * Math.sqrt(variance)) / total };
}

/** A confidence as a percentage, and as the simple fraction that it is where the percentage is not whole. */
function fraction(q) {
  const told = `${general(100 * q, 4)}%`;
  for (let below = 1; below <= 20; below++) {
    const above = Math.round(q * below);
    if (Math.abs(above / below - q) <= data.close) return 100 % below === 0 ? told : `${above}/${below} (${told})`;
  }
  return told;
}

function sentence(rule, stated, from, q, gives) {
  const same = Math.abs(earns(rule, q) - rule.abstain) <= data.close;
  const best = same ? "both earn the same" : `it is best to ${gives ? "answer" : "say “I don’t know”"}`;
  let said = `Answering pays above ${fraction(from)}, as stated`;
  if (Math.abs(from - stated) > data.close) {
    const cost = (rule.abstain - rule.wrong) / (rule.correct - rule.abstain);
    const rewards = cost > 0 ? `a penalty of ${general(cost, 4)} rewards` : "no penalty, which rewards";
    said = `The text states ${fraction(stated)} and ${rewards} answering from ${fraction(from)} on: a target of ${fraction(stated)} needs a penalty of ${general(stated / (1 - stated), 4)}`;
  }
  if (rule.abstain) said += " (counted from what “I don’t know” earns, as a share of what a right answer adds)";
  return `${said}. At q = ${percent(q)} ${best}.`;
}

const [BLUE, RED, GREEN] = data.colours;
const middle = { "text-anchor": "middle" };

/** The two choices along q, and two strips: where the text says to answer, and where that pays. */
function choices(rule, stated, from, q, gives) {
  const [left, right, top, bottom] = [86, 486, 10, 356];
  const x = scale(0, 1, left, right);
  const y = scale(data.lowest, 1.8, bottom, top);
  const parts = [];
  for (const [height, name, where, colour] of [[1.62, "text", stated, BLUE], [1.25, "points", from, GREEN]]) {
    const strip = { y: y(height + 0.155), height: y(0) - y(0.31) };
    parts.push(mark("rect", { ...strip, x: left, width: x(where) - left, fill: INK, opacity: 0.18 }));
    parts.push(mark("rect", { ...strip, x: x(where), width: right - x(where), fill: colour, opacity: 0.6 }));
    parts.push(words(left - 8, y(height), name, { "text-anchor": "end" }));
    for (const [low, high, word] of [[0, where, "abstain"], [where, 1, "answer"]])
      if (high - low >= data.fits) parts.push(words(x((low + high) / 2), y(height), word, middle));
  }
  parts.push(line(left, bottom, right, bottom), line(left, bottom, left, y(1.05)));
  for (const value of [-1, 0, 1])
    parts.push(line(left - 6, y(value), left, y(value)), words(left - 11, y(value), minus(String(value)), { "text-anchor": "end" }));
  for (const value of [0, 0.25, 0.5, 0.75, 1])
    parts.push(line(x(value), bottom, x(value), bottom + 6), words(x(value), bottom + 20, value ? percent(value) : "0", middle));
  parts.push(words((left + right) / 2, bottom + 50, "belief q: my chance to be right (dot)", middle));
  parts.push(words(16, y(-0.1), "points, expected", { ...middle, transform: `rotate(-90 16 ${y(-0.1)})` }));
  parts.push(line(x(from), bottom, x(from), y(rule.abstain), { stroke: GREEN, "stroke-width": 4, "stroke-dasharray": "3 6" }));
  parts.push(line(left, y(rule.abstain), right, y(rule.abstain), { "stroke-width": 4, "stroke-dasharray": "14 7" }));
  parts.push(mark("defs", {}, mark("clipPath", { id: "inside" }, mark("rect", { x: left, y: top, width: right - left, height: bottom - top }))));
  parts.push(mark("g", { "clip-path": "url(#inside)" }, curve([0, 1].map((one) => [x(one), y(earns(rule, one))]), { stroke: BLUE, "stroke-width": 4.5 })));
  // where the line of answering is not
  if (from < 0.5) parts.push(words(right - 6, y(rule.abstain) + 18, "IDK", { "text-anchor": "end" }));
  else parts.push(words(left + 8, y(rule.abstain) - 16, "IDK"));
  const half = (rule.abstain + rule.correct) / 2;
  const along = (half - rule.wrong) / (rule.correct - rule.wrong);
  const steep = (y(0) - y(rule.correct - rule.wrong)) / (right - left);
  parts.push(words(x(along) - 12 - 11 / steep, y(half), "answer", { "text-anchor": "end" }));
  const [cx, cy, colour] = [x(q), y(Math.max(earns(rule, q), data.lowest + 0.06)), gives ? GREEN : RED];
  const dot = { fill: gives ? colour : "none", stroke: colour, "stroke-width": 5 };
  parts.push(
    earns(rule, q) >= data.lowest
      ? mark("circle", { cx, cy, r: 9, ...dot })
      : mark("path", { d: `M${cx - 11} ${cy - 9}h22l-11 19z`, ...dot }),
  );
  return parts.join("");
}

/** Two models under two rules, and who is first. */
function leaders(scores, second) {
  const [left, right, top, bottom] = [556, 856, 74, 356];
  const low = Math.min(0, ...scores.flat().map((one) => one.score - one.stray));
  const y = scale(low - 0.05 * (1 - low), 1 + 0.05 * (1 - low), bottom, top);
  const step = [0.25, 0.5, 1, 2, 5].find((one) => (1 - low) / one <= 5);
  const parts = [
    words((left + right) / 2, 18, "leaderboard score", middle),
    mark("rect", { x: left + 8, y: 42, width: 17, height: 17, fill: RED }), words(left + 34, 51, "guesser"),
    mark("circle", { cx: left + 158, cy: 51, r: 9, fill: BLUE }), words(left + 176, 51, "honest"),
    line(left, top, left, bottom), line(left, bottom, right, bottom), line(left, y(0), right, y(0), { opacity: 0.5 }),
  ];
  for (let i = Math.ceil((low - 1e-9) / step); i * step <= 1; i++)
    parts.push(line(left - 6, y(i * step), left, y(i * step)), words(left - 10, y(i * step), minus(String(i * step)), { "text-anchor": "end" }));
  scores.forEach((both, column) => {
    const centre = left + (right - left) * (0.28 + 0.465 * column);
    both.forEach(({ score, stray }, i) => {
      const x = centre + (i ? 16 : -16);
      const colour = i ? BLUE : RED;
      const name = `${i ? "honest" : "guesser"}_${column ? "rule" : "binary"}`;
      const known = { "data-number": name, "data-value": score, "text-anchor": i ? "start" : "end", "font-size": 17, ...HALO };
      for (const end of [score - stray, score + stray]) parts.push(line(x - 7, y(end), x + 7, y(end), { stroke: colour, "stroke-width": 2.5 }));
      parts.push(line(x, y(score - stray), x, y(score + stray), { stroke: colour, "stroke-width": 2.5 }));
      parts.push(i ? mark("circle", { cx: x, cy: y(score), r: 8, fill: colour }) : mark("rect", { x: x - 8, y: y(score) - 8, width: 16, height: 16, fill: colour }));
      parts.push(words(x + (i ? 12 : -12), y(score), minus(score.toFixed(2)), known));
    });
    const lead = both[0].score - both[1].score;
    const first = Math.abs(lead) < 1e-12 ? "a tie" : `first: ${lead > 0 ? "guesser" : "honest"}`;
    parts.push(words(centre, bottom + 20, column ? second : "binary", middle), words(centre, bottom + 48, first, { ...middle, "font-size": 18 }));
  });
  return parts.join("");
}

function scene({ rule: name, stated, penalty, belief }) {
  const rule = ruleOf(name, stated, penalty);
  const from = Math.min(Math.max(breakEven(rule), 0), 1);
  const worth = earns(rule, belief);
  const gives = belief > breakEven(rule);
  const [other, second] = name === "binary" ? [ruleOf("target", stated), "target t"] : [rule, "this rule"];
  const scores = [data.rules.binary, other].map((one) => [0, stated].map((t) => board(one, t)));
  const leads = scores.map(([guesser, honest]) => guesser.score - honest.score);
  return {
    numbers: [
      ["pays_from", "answering pays above", from, percent(from)],
      ["worth", "my answer earns", worth, signed(worth, 2)],
      ["abstaining", "abstaining earns", rule.abstain, general(rule.abstain, 6)],
      ["lead_binary", "guesser’s lead, binary", leads[0], signed(leads[0], 3)],
      ["lead", `guesser’s lead, ${second}`, leads[1], signed(leads[1], 3)],
    ],
    sentence: sentence(rule, stated, from, belief, gives),
    picture: mark("g", { "font-size": 20 }, choices(rule, stated, from, belief, gives) + leaders(scores, second)),
  };
}

start();
