"""What every table of the settings shares: strictness, lists as text, and secrets in files of their own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationInfo

from streams.contracts.distinguished_name import is_place
from streams.contracts.errors import SettingsError


def _one_or_many(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _beside_the_file(path: Path, info: ValidationInfo) -> Path:
    """A relative path is relative to the settings file that names it (context "folder"), not to where one stands."""
    folder = (info.context or {}).get("folder")
    path = Path(os.path.expanduser(path))  # noqa: PTH111 - raises nothing where a user has no home
    return path if folder is None else folder / path


def _one_name_or_many(value: object) -> object:
    return [value] if isinstance(value, str) else value  # a comma is part of a name


def _distinguished_name(text: str) -> str:
    if not is_place(text):
        raise ValueError(
            f"{text!r} is no distinguished name such as 'OU=Staff,DC=corp,DC=contoso,DC=com': write it as "
            "Get-ADOrganizationalUnit, Get-ADGroup or Get-ADDomain shows it (DistinguishedName)"
        )
    return text


FilePath = Annotated[Path, AfterValidator(_beside_the_file)]
Texts = Annotated[list[str], BeforeValidator(_one_or_many)]
DistinguishedNames = Annotated[
    list[Annotated[str, AfterValidator(_distinguished_name)]], BeforeValidator(_one_name_or_many)
]
Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Section(BaseModel):
    """A table of the file: unknown keys are faults, values are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class FileSecret(SecretStr):
    """A secret that stays in its file until it is used: only the role that needs it must be able to read it.

    It is read at each use, so that it can be replaced while a process runs.
    """

    def __init__(self, file: Path, name: str) -> None:
        super().__init__("**********")
        self.file = file
        self._name = name

    def get_secret_value(self) -> str:
        """The one line of the file. Raises SettingsError if it cannot be read, or is not one line of text."""
        value, wrong = "", ""
        try:
            value = self.file.read_text("utf-8").removeprefix("\ufeff")
        except OSError as error:
            wrong = f"cannot be read ({error.strerror}): check path and rights"
        except UnicodeDecodeError:
            wrong = "is not UTF-8: save it as text"
        value = value.removesuffix("\n").removesuffix("\r")
        if not wrong and not value.strip():
            wrong = "is empty: put the secret on its only line"
        elif "\n" in value or "\r" in value or "\0" in value:
            wrong = "has more than one line: the secret is a single line"
        if wrong:  # raised here, for an exception being handled would carry the text along
            raise SettingsError([f"{self._name}_file {self.file} {wrong}"])
        return value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FileSecret) and self.file == other.file

    def __hash__(self) -> int:
        return hash(self.file)


def open_to_others(file: Path) -> bool:
    """Whether the group or everybody may read or write a file; False where there is none to look at."""
    try:
        return bool(file.stat().st_mode & 0o066)
    except OSError:
        return False


def secret_of(value: SecretStr | None, file: Path | None, name: str) -> SecretStr | None:
    """The secret itself, or the one that its file holds; both at once is a fault, and so is an empty one."""
    if file is None:
        if value is not None and not isinstance(value, FileSecret) and not value.get_secret_value().strip():
            raise ValueError(f"{name} is empty")
        return value
    if value is not None:
        raise ValueError(f"{name} and {name}_file exclude each other: keep one")
    return FileSecret(file, name)
