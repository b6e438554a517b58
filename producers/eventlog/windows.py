"""One Windows event in the shape that readers take: what the program wrote before what Windows made of it. Pure.

A classic program hands over strings, and Windows puts them into a sentence (`winlog.event_data.param1…`); a manifest
provider hands over data with names. Both are the same on every server. The rendered sentence is in the language of
the server where the provider's message table is translated, and Windows puts known error codes as words of that
language; a collector may also ship no sentence at all. So readers look at the data first and at the sentence last.

What a German or Japanese server gives: Directory Synchronization and PasswordResetService write one string, which is
the whole English text (only words that .NET or Windows put into it are translated), so they are read as on an English
server. ADSync's strings hold connector, run profile and counters; User Device Registration's data the exit code and
the service's answer: both are read, and only the kept text is in the other language. Without data an event with a
translated sentence is recognised by its id and level, and claims nothing else.

Source: Elastic, "Winlogbeat: exported fields" (winlog.event_data, log.level); Microsoft, "EventLog.WriteEntry".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from producers.eventlog.text import clean, reason_of

CRITICAL, ERROR, WARNING, INFORMATION, VERBOSE = "critical", "error", "warning", "information", "verbose"
_PARAMETER = re.compile(r"param(\d{1,3})")
_MOST_VALUES = 100
# Winlogbeat writes the word that Windows renders, in the language of the server, or the number of the level.
# Microsoft, winmeta.xml: 1 critical, 2 error, 3 warning, 4 information, 5 verbose; 0 is "always", which Event Viewer
# shows as information. A word that is not here leaves the level unknown.
_LEVELS = {
    CRITICAL: "1 critical kritisch critique crítico critico crítica krytyczny krytyczne kritiek 重大 严重 嚴重 위험 "
    "критический",
    ERROR: "2 error err fehler erreur errore erro fout błąd fel エラー 错误 錯誤 오류 ошибка",
    WARNING: "3 warning warn warnung avertissement advertencia avviso aviso waarschuwing ostrzeżenie varning 警告 경고 "
    "предупреждение",
    INFORMATION: "4 0 information info informational informationen informations información informazioni informações "
    "informatie informacje 情報 信息 資訊 정보 сведения",
    VERBOSE: "5 verbose ausführlich detaillado commentaires detallado dettagliato detalhado uitgebreid pełne "
    "詳細 详细 詳細資訊",
}
_LEVEL_OF = {word: level for level, words in _LEVELS.items() for word in words.split()}
# The security log has no levels, only these.
_AUDITED = frozenset({"audit success", "audit failure"})


@dataclass(frozen=True, slots=True)
class WindowsEvent:
    """What a collector shipped of one event.

    provider:   as we name it, e.g. "adsync".
    server:     the computer that logged it, lower case, without its domain.
    level:      one of the five words above; None where it cannot be told.
    parameters: the strings that a classic program handed over, in their order.
    data:       the named data of a manifest provider, as text.
    message:    the rendered sentence; "" where none was shipped.
    """

    provider: str
    id: int
    server: str = ""
    level: str | None = None
    parameters: tuple[str, ...] = ()
    data: Mapping[str, str] = field(default_factory=dict)
    message: str = ""

    @property
    def text(self) -> str:
        """What the program wrote: its strings, one per line; the sentence where it handed over none."""
        return "\n".join(self.parameters).strip() or self.message

    @property
    def reason(self) -> str | None:
        """The text to keep for people, cut: the sentence, or the strings where none was shipped."""
        return reason_of(self.message or self.text)

    @property
    def is_bad(self) -> bool:
        """Whether its level is that of a fault. Of one whose level is unknown this is not said."""
        return self.level in (CRITICAL, ERROR, WARNING)


def parameters_of(data: Mapping[str, Any]) -> tuple[str, ...]:
    """The strings among `winlog.event_data`, in the order of their numbers; a missing one is "", others keep theirs."""
    numbered = {
        int(found[1]): _plain(value) for name, value in data.items() if (found := _PARAMETER.fullmatch(str(name)))
    }
    last = min(max(numbered, default=0), _MOST_VALUES)
    return tuple(numbered.get(number, "") for number in range(1, last + 1))


def named_data(data: Mapping[str, Any]) -> dict[str, str]:
    """The data with names of their own."""
    named = {str(name): _plain(value) for name, value in data.items() if not _PARAMETER.fullmatch(str(name))}
    return dict(list(named.items())[:_MOST_VALUES])


def level_of(*named: object, keywords: object = None) -> str | None:
    """The level of the first name or number that is known."""
    for each in named:
        known = _LEVEL_OF.get(str(each).strip().lower()) if isinstance(each, str | int) else None
        if known is not None:
            return known
    audited = isinstance(keywords, list) and any(str(word).lower() in _AUDITED for word in keywords)
    return INFORMATION if audited else None


def _plain(value: object) -> str:
    """Collectors write text; pipelines between them and Kafka may have made numbers of some."""
    if isinstance(value, str):
        return clean(value)
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""
