"""From a run folder to a page one can show: tables, figures and the findings in plain words."""

from aclipse.report.html import write_report

__all__ = ["write_report"]
