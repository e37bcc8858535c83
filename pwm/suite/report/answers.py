"""The suite's four questions and its recommendation, answered by stated rules from what was collected."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from pwm.suite import experiments
from pwm.suite.experiments import CONTROL_SUFFIX
from pwm.suite.report import measures, statistics
from pwm.suite.report.measures import Comparison
from pwm.suite.report.runs import Collected, Run

SETTINGS = {"st": "single-task", "mt": "multi-task"}
RETURN_SHARE = 0.95
DROP = 0.2
SPIKES = 10.0
SPREAD = 0.2
RULE = (
    "In each setting the candidates are the experiments that have a return, no non-finite event and, on "
    f"average over seeds, lose at most {DROP:.0%} of their peak by the end. Those that walk go before those "
    "that only survive. Of the candidates whose interquartile-mean peak R, within equally many environment "
    f"steps, reaches {RETURN_SHARE:.0%} of the best candidate's, the one with the fewest seconds per epoch "
    "is recommended."
)
STABLE = (
    f"stable: no non-finite event, at most {DROP:.0%} of the peak lost at the end, at most {SPIKES:.0f} "
    f"gradient spikes per thousand rows, and peaks that spread over seeds by at most {SPREAD:.0%}"
)


@dataclass(frozen=True)
class Answer:
    """One question with its answer, the evidence for it and what makes it weak."""

    question: str
    verdict: str
    evidence: list[str] = field(default_factory=list)
    weak: list[str] = field(default_factory=list)


def in_setting(found: Collected, setting: str) -> list[str]:
    """The experiments of one setting that have a return, controls last; without what deviates from them."""
    names = [
        name
        for name in found.experiments
        if name.startswith(f"{setting}_")
        and not found.of(name)[0].deviates
        and len(measures.peaks(found.of(name)))
    ]
    return sorted(names, key=lambda name: (name.endswith(CONTROL_SUFFIX), name))


def flows(found: Collected, setting: str) -> list[str]:
    """The flow experiments of one setting that have a return."""
    return [name for name in in_setting(found, setting) if "_flow" in name]


def against_baseline(found: Collected, setting: str) -> list[Comparison]:
    """Every flow variant of a setting against its baseline, and against the control where there is one."""
    baselines = [name for name in in_setting(found, setting) if "_baseline" in name]
    pairs = [measures.compare(found, name, base) for base in baselines for name in flows(found, setting)]
    return [pair for pair in pairs if pair is not None]


def between_settings(found: Collected) -> list[Comparison]:
    """Multi-task against single-task, variant by variant."""
    variants = [name.partition("_")[2] for name in in_setting(found, "st")]
    pairs = [measures.compare(found, f"mt_{variant}", f"st_{variant}") for variant in variants]
    return [pair for pair in pairs if pair is not None]


def missing(found: Collected) -> list[str]:
    """The experiments of the suite without any run."""
    return [name for name in experiments.names() if name not in found.experiments]


def every(found: Collected) -> list[Answer]:
    """The four questions, in order."""
    return [does_flow_help(found), best_in_multitask(found), which_substeps(found), how_stable(found)]


def describe(pair: Comparison) -> str:
    """``mt_flow_v2 − mt_baseline: +120 R (+12%), 95% interval [40, 200], …``."""
    gap = pair.improvement
    span = f"95% interval [{gap.low:,.0f}, {gap.high:,.0f}]" if gap.known else "no interval"
    within = f" within {pair.steps:,.0f} steps" if math.isfinite(pair.steps) else ""
    return (
        f"{pair.a} − {pair.b}: {gap.estimate:+,.1f} R ({pair.relative:+.0%}), {span}, probability of "
        f"improvement {pair.probability:.0%} ({pair.runs[0]} against {pair.runs[1]} runs{within})"
    )


def does_flow_help(found: Collected) -> Answer:
    """Question 1."""
    verdicts, evidence, confounded = [], [], []
    known: list[Comparison] = []
    for setting, title in SETTINGS.items():
        pairs = [pair for pair in against_baseline(found, setting) if not pair.b.endswith(CONTROL_SUFFIX)]
        if not pairs:
            verdicts.append(f"{title}: not known, no pair of flow and baseline has a return.")
            continue
        verdicts.append(f"{title}: {_flow_verdict(pairs)}")
        evidence += [describe(pair) for pair in against_baseline(found, setting)]
        known += pairs
        if any(pair.confounded for pair in pairs):
            text = "; ".join(dict.fromkeys(text for pair in pairs for text in pair.confounded))
            confounded.append(f"{title}: flow and baseline differ in more than the dynamics ({text})")
    question = "Does flow beat the baseline, and by how much, in single-task and in multi-task?"
    return Answer(question, " ".join(verdicts), evidence, _weakness(known, found) + confounded)


def _flow_verdict(pairs: list[Comparison]) -> str:
    best = max(pairs, key=lambda pair: pair.improvement.estimate)
    better = [pair.a for pair in pairs if pair.better]
    worse = [pair.a for pair in pairs if pair.worse]
    if better:
        return (
            f"yes for {', '.join(better)} (best {best.a}, {best.improvement.estimate:+,.0f} R, "
            f"{best.relative:+.0%})."
        )
    if worse:
        return f"no; {', '.join(worse)} is below the baseline."
    seen = f"the best difference seen is {best.improvement.estimate:+,.1f} R ({best.a})"
    if not any(pair.known for pair in pairs):
        return f"{_why_not(pairs)}; {seen}."
    return f"not shown; every interval covers zero, {seen}."


def best_in_multitask(found: Collected) -> Answer:
    """Question 2."""
    question = "Is v2 still the best in multi-task?"
    names = [name for name in in_setting(found, "mt") if not name.endswith(CONTROL_SUFFIX)]
    if "mt_flow_v2" not in names or len(names) < 2:
        return Answer(question, "Not known: mt_flow_v2 and another multi-task experiment need a return.")
    ranked = ranking(found, names)
    pairs = [measures.compare(found, "mt_flow_v2", name) for name in names if name != "mt_flow_v2"]
    known = [pair for pair in pairs if pair is not None]
    place = [name for name, _ in ranked].index("mt_flow_v2") + 1
    above = [pair.b for pair in known if pair.better]
    below = [pair.b for pair in known if pair.worse]
    if below:
        verdict = f"No: {', '.join(below)} is better."
    elif len(above) == len(known):
        verdict = "Yes: it is better than every other multi-task experiment."
    elif not any(pair.known for pair in known):
        reason = _why_not(known)
        verdict = f"{reason[0].upper()}{reason[1:]}; it is number {place} of {len(ranked)}."
    else:
        lead = "It has the highest peak" if place == 1 else f"It is number {place} of {len(ranked)}"
        verdict = f"Not settled. {lead}, but not every interval of its differences excludes zero."
    order = ", ".join(f"{name} {value:,.0f}" for name, value in ranked)
    evidence = [f"Peak R within equally many steps: {order}", *map(describe, known)]
    return Answer(question, verdict, evidence, _weakness(known, found))


def which_substeps(found: Collected) -> Answer:
    """Question 3."""
    question = "Which substeps and integrator are worth their cost?"
    verdicts, evidence = [], []
    known: list[Comparison] = []
    for setting, title in SETTINGS.items():
        names = flows(found, setting)
        if len(names) < 2:
            verdicts.append(f"{title}: not known, fewer than two flow variants have a return.")
            continue
        names.sort(key=lambda name: measures.mean_of(found.of(name), "seconds_per_epoch"))
        cheapest, chosen, pairs = names[0], names[0], list[Comparison]()
        for name in names[1:]:
            pair = measures.compare(found, name, chosen)
            if pair is None:
                continue
            evidence.append(describe(pair))
            pairs.append(pair)
            if pair.better:
                chosen = name
        known += pairs
        evidence += [_cost(found.of(name)) for name in names]
        if not any(pair.known for pair in pairs):
            verdicts.append(f"{title}: {_why_not(pairs)}.")
        elif chosen == cheapest:
            verdicts.append(f"{title}: none earns its extra cost over the cheapest, {cheapest}, so far.")
        else:
            verdicts.append(f"{title}: {chosen} earns its cost over {cheapest}.")
    evidence.append(
        "Rule: from the cheapest on (seconds per epoch), a dearer variant is worth it only where the whole "
        "interval of its gain is above zero."
    )
    return Answer(question, " ".join(verdicts), evidence, _weakness(known, found))


def _cost(runs: list[Run]) -> str:
    config, pace = runs[0].config, measures.mean_of(runs, "seconds_per_epoch")
    form = f"{config['flow_integrator']} {config['flow_substeps']}" if config else "integrator unknown"
    top = float(statistics.iqm(measures.peaks(runs)))
    return f"{runs[0].experiment} ({form}): {pace:.3g} s per epoch, peak R {top:,.0f}"


def how_stable(found: Collected) -> Answer:
    """Question 4."""
    verdicts, evidence, weak = [], [], []
    judged = {
        name: unstable(found.of(name)) for name in found.experiments if len(measures.peaks(found.of(name)))
    }
    good = [name for name, reasons in judged.items() if not reasons]
    if not judged:
        return Answer("How stable is each?", "Not known: no run has a return.")
    verdicts.append(f"Stable: {', '.join(good)}." if good else "None is stable by the rule.")
    for name, reasons in judged.items():
        if reasons:
            evidence.append(f"{name}: {'; '.join(reasons)}")
    if any(reasons for reasons in judged.values()):
        verdicts.append(f"Not stable: {', '.join(name for name, reasons in judged.items() if reasons)}.")
    evidence.append(f"Rule: {STABLE}.")
    single = [name for name in judged if len(found.of(name)) < 2]
    if single:
        weak.append(f"one seed, so nothing is known of the spread: {', '.join(single)}")
    weak += _unfinished([run for name in judged for run in found.of(name)])
    return Answer("How stable is each?", " ".join(verdicts), evidence, weak)


def unstable(runs: list[Run]) -> list[str]:
    """Why the runs of one experiment are not stable; empty if they are."""
    reasons = []
    bad = sum(measures.measure(run).non_finite for run in runs)
    if bad:
        reasons.append(f"{bad} non-finite events")
    drop = measures.mean_of(runs, "drop")
    if drop > DROP:
        reasons.append(f"{drop:.0%} of the peak lost at the end")
    spikes = measures.mean_of(runs, "spikes")
    if spikes > SPIKES:
        reasons.append(f"{spikes:.0f} gradient spikes per thousand rows")
    spread = measures.seed_spread(runs)
    if spread > SPREAD:
        reasons.append(f"peaks spread by {spread:.0%} over {len(runs)} seeds")
    return reasons


def _why_not(pairs: list[Comparison]) -> str:
    """Why none of ``pairs``, of which none is known, answers anything."""
    early = [pair for pair in pairs if pair.early]
    if early:
        share = max(pair.share for pair in early)
        return f"too early to tell, {share:.0%} of the training can be compared"
    return "cannot be told from one seed"


def ranking(found: Collected, names: list[str]) -> list[tuple[str, float]]:
    """The experiments ``names`` and their peak R within the steps that their runs have in common, best
    first."""
    shared = measures.common(*(found.of(name) for name in names))
    values = []
    for name in names:
        tops = shared.peaks(found.of(name))
        if len(tops):
            values.append((name, float(statistics.iqm(tops))))
    return sorted(values, key=lambda item: item[1], reverse=True)


def recommend(found: Collected, setting: str) -> Answer:
    """What to use in one setting, by :data:`RULE`."""
    title = f"Recommendation for {SETTINGS[setting]}"
    candidates = [
        name
        for name in in_setting(found, setting)
        if not any(measures.measure(run).non_finite for run in found.of(name))
        and not measures.mean_of(found.of(name), "drop") > DROP
    ]
    walking = [name for name in candidates if not measures.surviving(found.of(name))]
    ranked = ranking(found, walking or candidates)
    if not ranked:
        return Answer(title, "None: no experiment of the setting is a candidate.")
    top = ranked[0][1]
    near = [name for name, value in ranked if value >= top - (1 - RETURN_SHARE) * abs(top)]
    pace = {name: measures.mean_of(found.of(name), "seconds_per_epoch") for name in near}
    chosen = min(near, key=lambda name: (math.isnan(pace[name]), pace[name]))
    evidence = [f"Candidates by peak R: {', '.join(f'{name} {value:,.0f}' for name, value in ranked)}"]
    evidence.append(f"Within {1 - RETURN_SHARE:.0%} of the best: {', '.join(near)}")
    rest = [name for name in in_setting(found, setting) if name not in candidates]
    if rest:
        evidence.append(f"No candidates: {', '.join(rest)}")
    shared = measures.common(*(found.of(name) for name, _ in ranked))
    early = shared.share < measures.FIRM
    weak = [] if walking else ["all of them only survive: this says nothing about walking"]
    pairs = [measures.compare(found, chosen, name) for name, _ in ranked if name != chosen]
    open_ = [pair.b for pair in pairs if pair is not None and not pair.better]
    if open_:
        weak.append(f"its lead over {', '.join(open_)} is not shown by an interval")
    weak += _weakness([pair for pair in pairs if pair is not None], found)
    if early:
        verdict = f"None yet: {shared.share:.0%} of the training can be compared; {chosen} leads."
    else:
        verdict = f"{chosen}."
    return Answer(title, verdict, evidence, weak)


def _weakness(pairs: list[Comparison], found: Collected) -> list[str]:
    """Why the evidence of some comparisons is weak, each reason once."""
    weak = []
    fewest = min((min(pair.runs) for pair in pairs), default=0)
    if fewest == 1:
        weak.append("one seed on a side gives no interval: a difference may be chance")
    elif 0 < fewest < statistics.FEW:
        weak.append(f"only {fewest} seeds on a side")
    named = dict.fromkeys(name for pair in pairs for name in (pair.a, pair.b))
    runs = [run for name in named for run in found.of(name)]
    early = [pair for pair in pairs if pair.early]
    if early:
        weak.append(f"only {min(pair.share for pair in early):.0%} of the training can be compared")
    left_out = dict.fromkeys(text for pair in pairs for text in pair.warnings if text.startswith("left out"))
    weak += left_out
    weak += _unfinished(runs)
    standing = [name for name in named if measures.surviving(found.of(name))]
    if standing:
        weak.append(
            f"surviving, not walking (below {measures.WALKING} m/s at the peak): {', '.join(standing)}"
        )
    commits = dict.fromkeys(run.commit for run in runs)
    if len(commits) > 1:
        weak.append(f"not all of the same commit: {' / '.join(commits)}")
    return weak


def _unfinished(runs: list[Run]) -> list[str]:
    left = [
        f"{run.experiment}-s{run.seed} ({run.epochs}/{run.max_epochs or '?'})"
        for run in runs
        if not run.finished
    ]
    return [f"unfinished: {', '.join(left)}"] if left else []
