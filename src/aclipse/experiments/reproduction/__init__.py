"""Every table and figure of the Aclipse paper: plan → cells (trained, scored, resumable) → one CSV table a study."""

from __future__ import annotations

from pathlib import Path

from aclipse.experiments.reproduction import tables
from aclipse.experiments.reproduction.cells import carry_out
from aclipse.experiments.reproduction.estimate import costs
from aclipse.experiments.reproduction.plan import Plan, make_plan
from aclipse.training import processes

__all__ = ["costs", "make_plan", "reproduce"]


def reproduce(plan: Plan) -> Path:
    """Train and score what a study lacks and write its numbers; gives the path of the CSV table.

    Raises CorpusError where a split cannot be made, BackboneError where weights are missing.
    """
    carry_out(plan)
    if processes.is_main():
        tables.write(plan)
    return plan.root / f"{plan.name}.csv"
