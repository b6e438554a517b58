"""IdFix's forbidden characters, in its own sets. Source: idfix.md section 4."""

from __future__ import annotations

import re

from streams.hygiene.text import WHITESPACE

_PROXY = rf'{WHITESPACE}<>(),\[\]"'

UPN = re.compile(rf"[{WHITESPACE}\\%&*+/=?'{{}}|<>();:,\[\]\"äëïöüÿÄËÏÖÜŸ]")
"""The apostrophe is a bug: Entra ID allows it. Only six umlauts: other accents fail as LocalPart."""

PROXY_SMTP = re.compile(rf"[{_PROXY};]")
PROXY_OTHER = re.compile(rf"[{_PROXY}]")
PROXY_X400_X500 = re.compile(r"[\f\n\r\t\v\[\]\"']")
"""The apostrophe is a bug: Exchange Online writes such X500 addresses itself."""

TARGET_SMTP = re.compile(rf"[{_PROXY};\\]")
TARGET_OTHER = re.compile(rf"[{_PROXY}\\]")
SAM_ACCOUNT_NAME = re.compile(r'[\\"|,/\[\]:<>+=;?*]')
LEADING_DOTS = re.compile(r"\A\.+")
NICKNAME_DEDICATED = re.compile(rf"[{WHITESPACE}\\!#$%&*+/=?^`{{}}|~<>()';:,\[\]\"@]")
OUTER_WHITESPACE = re.compile(rf"\A[{WHITESPACE}]+|[{WHITESPACE}]+\Z")
ANY_WHITESPACE = re.compile(rf"[{WHITESPACE}]")

X400 = re.compile(r"x\.?400", re.IGNORECASE)
X500 = re.compile(r"x\.?500", re.IGNORECASE)
