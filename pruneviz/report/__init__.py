"""Reports: a study as a file that tells its story, with its pictures, its numbers and what was run."""

from pruneviz.report.compose import Wanted
from pruneviz.report.layout import Layout, read_layout
from pruneviz.report.writing import ReportSummary, report_file, write_report

__all__ = ["Layout", "ReportSummary", "Wanted", "read_layout", "report_file", "write_report"]
