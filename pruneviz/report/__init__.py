"""Reports: a study as one file that tells its story, with its pictures, its numbers and what was run."""

from pruneviz.report.html import ReportSummary, html_file, write_html

__all__ = ["ReportSummary", "html_file", "write_html"]
