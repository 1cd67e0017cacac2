"""The engine: ask every rule of the catalog, and never let one fail the others.

A rule is a module: its docstring (four parts), ``NEEDS`` (what it cannot judge without) and
``check(evidence)``, which yields findings, or raises ``Unknown``. ``ALWAYS_REPORT = True`` exempts
a rule of correctness or validity from the gate below. ``USES_TRACER = False`` says that it looks at
no ops, calls or kernels: it is then given all requests that the tracer did not slow.
"""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

from infprof.rules.choice import Choice, catalog
from infprof.rules.evidence import Evidence
from infprof.rules.finding import Finding, Outcome, Unknown, Verdict
from infprof.rules.whole import of_the_whole

GATE_SHARE = 0.05
"""A saving below this share of the wall is no finding: 20 interleaved pairs of runs at 1 to 2 %
noise resolve about 1 %, so a smaller gain could not be told from chance (CATALOGUE section 0)."""

NOTICEABLY_SLOWER = 1.1
"""Requests under the tracer, when a finding's numbers would puzzle beside those of the others."""

DOES_NOT_APPLY = "does not apply"
"""How the reason of a CLEAR begins that nothing was looked at for."""


def judge(
    traced: Evidence, untraced: Evidence | None = None, choice: Choice | None = None
) -> list[Verdict]:
    """One verdict per rule, in order of id; of the whole catalog, if nothing is chosen."""
    plain, chosen, verdicts = untraced or traced, choice or Choice(catalog()), []
    for rule, module in sorted(chosen.rules.items()):
        if rule in chosen.ignored:
            verdicts.append(Verdict(rule, Outcome.IGNORED, f"{chosen.ignored[rule]} says so"))
            continue
        uses_tracer = getattr(module, "USES_TRACER", True)
        verdicts.append(_judge_one(rule, module, traced if uses_tracer else plain, plain))
    return verdicts


def _judge_one(rule: str, module: ModuleType, evidence: Evidence, plain: Evidence) -> Verdict:
    needs = tuple(getattr(module, "NEEDS", ()))
    if "device" in needs and evidence.device_use == "unused":
        return Verdict(rule, Outcome.CLEAR, f"{DOES_NOT_APPLY}: no work ran on a GPU")
    if "served" in needs and evidence.header.served is None:
        return Verdict(rule, Outcome.CLEAR, f"{DOES_NOT_APPLY}: no serving engine was watched")
    if "load" in needs and evidence.header.load is None:
        return Verdict(rule, Outcome.CLEAR, f"{DOES_NOT_APPLY}: no load test was read")
    missing = next(filter(None, (evidence.lacks(need) for need in needs)), None)
    if missing is not None:
        return Verdict(rule, Outcome.UNKNOWN, missing)
    if not {"load", "service"} & set(needs) and (unseen := _unseen(evidence, needs)) is not None:
        return Verdict(rule, Outcome.UNKNOWN, unseen)
    exempt = bool(getattr(module, "ALWAYS_REPORT", False))
    try:
        found = (_replayed(evidence, one, exempt) for one in module.check(evidence))
        findings = tuple(_said(plain, _in_time_of(plain, evidence, one)) for one in found)
    except Unknown as reason:
        return Verdict(rule, Outcome.UNKNOWN, str(reason))
    except Exception as error:  # a rule of ours or a stranger's: the others must still be heard
        return Verdict(rule, Outcome.FAILED, f"{type(error).__name__}: {error}")
    return _gate(rule, findings, plain, exempt)


def _unseen(evidence: Evidence, needs: tuple[str, ...]) -> str | None:
    """Why there is no request that a rule could judge."""
    if not evidence.wall_ns:
        return "no request was recorded, so there is no wall to explain"
    if "served" not in needs and not evidence.timeline.requests:
        return evidence.header.missing.get("requests", "")
    return None


def _replayed(evidence: Evidence, finding: Finding, exempt: bool) -> Finding:
    """What a rule worked out without a replay, as a replay sees it: with the change that the
    finding names, else with that part of the stage's time taken away. What is too little to be a
    finding is not worth a replay."""
    saving, replays = finding.saving, evidence.replays
    is_shown = exempt or evidence.share(saving.high_ns) >= GATE_SHARE
    if replays is None or saving.basis != "bound" or not is_shown:
        return finding
    if finding.change is not None:
        high = min(saving.high_ns, replays.saved_ns(finding.change, finding.rate))
        low = saving.low_ns
    else:
        low, high = (
            replays.saved_of_ns(finding.stage, time) for time in (saving.low_ns, saving.high_ns)
        )
    saving = replace(saving, low_ns=min(low, high), high_ns=high, basis="replay")
    return replace(finding, saving=saving)


def _in_time_of(plain: Evidence, traced: Evidence, finding: Finding) -> Finding:
    """What is seen under the tracer takes longer there: a saving is a part of what the finding's
    stage takes without."""
    if plain is traced:
        return finding
    saving = finding.saving
    slow, quick = traced.exposed_ns(finding.stage), plain.exposed_ns(finding.stage)
    if not slow:
        slow, quick = traced.wall_ns, plain.wall_ns
    part = min(quick / slow, 1.0)
    part = min(part, plain.wall_ns / max(saving.high_ns, 1))  # what is of more than its stage
    saving = replace(saving, low_ns=int(saving.low_ns * part), high_ns=int(saving.high_ns * part))
    why = finding.why
    if traced.wall_ns > NOTICEABLY_SLOWER * plain.wall_ns:
        why += f" (Seen under the tracer, where a request took {traced.wall_ns / 1e6:.2f} ms.)"
    return replace(finding, saving=saving, why=why)


def _said(evidence: Evidence, finding: Finding) -> Finding:
    return replace(finding, why=of_the_whole(finding.why)) if evidence.is_whole else finding


def _gate(rule: str, findings: tuple[Finding, ...], evidence: Evidence, exempt: bool) -> Verdict:
    worth = tuple(
        one for one in findings if exempt or evidence.share(one.saving.high_ns) >= GATE_SHARE
    )
    if worth:
        return Verdict(rule, Outcome.FOUND, "", worth)
    best = max((one.saving.high_ns for one in findings), default=None)
    if best is None:
        return Verdict(rule, Outcome.CLEAR)
    text = f"would save at most {best / 1e6:.2f} ms ({100 * evidence.share(best):.1f} %) here"
    return Verdict(rule, Outcome.CLEAR, text)
