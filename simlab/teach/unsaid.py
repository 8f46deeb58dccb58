"""What was never said: singletons and missing mass fall together as a corpus grows, so one tells the other."""

from __future__ import annotations

import numpy as np

from simlab.corpora import Corpus, sample, singleton_rate
from simlab.measures import missing_mass
from simlab.missing_mass import CountsOfCounts, counts_of_cells, good_turing
from simlab.seeds import Streams
from simlab.teach.demonstrations import Demonstration, Number, Scene, Slider, count, evenly, powers_of_ten, share
from simlab.teach.pictures import BLUE, RED, canvas
from simlab.worlds import expected_missing_mass, expected_singleton_rate, zipf

SIZES = np.unique(np.round(np.logspace(1, 12, 56)))
"""The N at which the expected curves are computed."""

CAP = 1000
"""Facts said more often share a level: their number is known, their counts only in all."""


def observed(drawn: Corpus) -> CountsOfCounts:
    """The counts of counts f_1, f_2 ... of a corpus; facts at the cap share what is left of N as evenly as may be.

    f_k below the cap and N are exact. What an interval makes of counts beyond 1000 does not show.
    """
    below = drawn.times_answered < CAP
    times, facts = drawn.times_answered[below], drawn.facts[below]
    capped = int(drawn.facts[~below].sum())
    if capped:
        each, more = divmod(drawn.draws - int(times @ facts), capped)
        times, facts = np.append(times, [each, each + 1]), np.append(facts, [capped - more, more])
    return counts_of_cells(times, facts)


def scene(n_facts: float, exponent: float, draws: float, corpus: float) -> Scene:
    """Draw a corpus of N = ``draws`` from a Zipf world, and lay what it shows beside what is true of it.

    Curves: E[sr] and E[MM] at every N, exact. Point and bar: sr = f_1/N of this corpus with the interval that holds at
    95 % for every N and every law; cross: the corpus's own MM, which only the simulator knows. ``corpus`` is the
    replicate.
    """
    world = zipf(int(n_facts), exponent)
    drawn = sample(world, int(draws), Streams(0, "unsaid", int(corpus)).numpy("corpus"), count_cap=CAP)
    rate, missed = singleton_rate(drawn), missing_mass(world, drawn)
    told = good_turing(observed(drawn), interval="tails")
    single = [expected_singleton_rate(world, int(n)) for n in SIZES]
    missing = [expected_missing_mass(world, int(n)) for n in SIZES]
    with canvas() as (figure, (axes,)):
        axes.plot(SIZES, missing, color=RED, label="never said: missing mass MM, expected")
        axes.plot(SIZES, single, "--", color=BLUE, label="said once: singleton rate sr, expected")
        axes.errorbar(
            [draws], [rate], yerr=[[rate - told.low], [told.high - rate]], fmt="o", color=BLUE, capsize=8, lw=2.5,
            label="this corpus: sr, and the 95 % interval for its MM",
        )  # fmt: skip
        axes.plot(
            [draws], [missed], "x", color=RED, mew=3.5, zorder=5, label="this corpus: its MM, which nobody can see"
        )
        axes.set(xscale="log", xlabel="draws N", ylabel="share of the next draws", ylim=(-0.02, 1.02), xlim=(10, 1e12))
        axes.set_xticks([10.0**k for k in range(2, 13, 2)], [count(10.0**k) for k in range(2, 13, 2)])
        axes.minorticks_off()  # and no label is mathematics: both take as long as all the rest
        axes.legend(loc="upper right" if missing[len(SIZES) // 2] < 0.5 else "lower left")
    found = (
        Number("singleton_rate", "said once, sr", rate, share(rate)),
        Number("missing_mass", "never said, MM", missed, share(missed)),
        Number("low", "MM is at least", told.low, share(told.low)),
        Number("high", "MM is at most", told.high, share(told.high)),
    )
    seen = (
        f"Of {count(draws)} draws, a share of {share(rate)} are facts that stand there once. Good and Turing: about as "
        f"much of what will be asked next was never said ({share(missed)} here)."
    )
    return Scene(figure, found, seen)


DEMONSTRATION = Demonstration(
    slug="unsaid",
    motivation="How much of what will be asked does a corpus not contain? Count what it says only once.",
    controls=(
        Slider("draws", "draws N", powers_of_ten(1, 12), 1e4, count),
        Slider("n_facts", "facts in the world", powers_of_ten(1, 12), 1e6, count),
        Slider("exponent", "Zipf exponent", evenly(0, 2, 0.05), 1.0, "{:.2f}".format),
        Slider("corpus", "corpus (sums exact given it)", tuple(float(i) for i in range(1, 21)), 1.0),
    ),
    scene=scene,
    questions=(
        (
            "Make N ten times larger. Why does the missing mass fall so slowly at exponent 1?",
            "Each decade of ranks holds about the same share of the draws, so ten times the draws uncover one decade "
            "more: the missing mass falls by about the same amount each time, and not to a tenth.",
        ),
        (
            "Take 20 corpora of the same N. How far does the singleton rate move, and how wide is the interval?",
            "The singleton rate moves by 1/√N at most, about. The interval holds for every law and every N, so it is "
            "wider than what these corpora show: of all corpora it contains the cross in at least 95%.",
        ),
        (
            "Can two worlds have the same singleton rate at N and differ in the missing mass?",
            "Hardly: in expectation sr is above the missing mass, and by less than 1/N, whatever the law. So the "
            "missing masses of the two differ by less than 1/N. That is why counting is enough.",
        ),
    ),
    theorems=("missing_mass_from_singletons", "missing_mass_from_singletons_sharp"),
    tests=("tests/test_good_turing.py", "tests/test_missing_mass_tails.py"),
    experiments=("experiments/missing_mass_from_singletons.py", "experiments/missing_mass_intervals.py"),
)  # fmt: skip
