"""What every table of the settings shares: strictness, lists as text, and secrets in files of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr


def _one_or_many(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Texts = Annotated[list[str], BeforeValidator(_one_or_many)]
Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0)]


class Section(BaseModel):
    """A table of the file: unknown keys are faults, values are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def secret_of(value: SecretStr | None, file: Path | None, name: str) -> SecretStr | None:
    """The secret itself or the first line of its file; both at once is a fault."""
    if file is None:
        return value
    if value is not None:
        raise ValueError(f"{name} and {name}_file exclude each other: keep one")
    try:
        return SecretStr(file.read_text().strip())
    except OSError as error:
        raise ValueError(f"{name}_file cannot be read ({error.strerror}): check path and rights") from error
