"""Judges files of policy before anybody enforces them: are they valid, probably meant so, and do their tests hold?

Pure: it is given what was read of files. It must never need root, a store or a kernel, it must find all mistakes at
once, and a warning must be true: whoever gets false alarms stops reading them.
"""

from __future__ import annotations

from catflap.check.finding import Finding, Severity
from catflap.check.report import Report, check_files

__all__ = ["Finding", "Report", "Severity", "check_files"]
