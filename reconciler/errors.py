"""Every error `reconcile` raises on purpose, and the exit code each one ends a command with.

ReconcileError                  1   base; has a stable code, a hint, and says what was changed
├── Several                     *   errors of several targets; ends with the exit code they share, else 1
├── DeclarationError            1   a YAML file says something wrong (file and line)
├── ConfigError                 1   reconcile.yaml, a flag or the environment says something wrong
├── ConnectionFailed            1   a store cannot be reached or refuses the credentials
├── StoreError                  1   a store refused a query or a change
├── UnsupportedChange           1   a change that no rule handles (law 3: never silence)
├── InternalError               1   a law of the design was broken: a defect of this tool
├── Blocked                     3   a policy or a hazard stops the plan
├── LockBusy                    4   another applier holds a target
├── StalePlan                   5   the plan was edited, or the store moved since it was made
├── PartlyApplied               6   some steps ran, some did not
└── LocalStoreError             1   a local store cannot be fetched, started or stopped
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from reconciler.model.span import Span

NOTHING_CHANGED = "nothing was changed"


class ReconcileError(Exception):
    """Something went wrong that no other code is for: a defect, of which --debug shows more.

    The base of all deliberate errors.
    `message` says what is wrong and what was expected; `hint` what to do about it; `where` the place in a file;
    `effect` what happened to the stores before the error. No part may contain a secret (law 9).
    """

    code: ClassVar[str] = "RC0001"
    exit_code: int = 1

    def __init__(
        self, message: str, *, hint: str | None = None, where: Span | None = None, effect: str = NOTHING_CHANGED
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.where = where
        self.effect = effect

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


class Several(ReconcileError):
    """Errors of several targets in one run, each told with its own code; the exit code is the one they share, or 1."""

    code = "RC0002"

    def __init__(self, errors: Iterable[ReconcileError]) -> None:
        self.errors = tuple(errors)
        first = self.errors[0]
        super().__init__(first.message, hint=first.hint, where=first.where, effect=first.effect)
        codes = {e.exit_code for e in self.errors}
        self.exit_code = codes.pop() if len(codes) == 1 else 1


class DeclarationError(ReconcileError):
    """A declaration is wrong: the message names file and line.

    Several of them travel in one `DeclarationErrors`.
    """

    code = "RC0100"


class DeclarationErrors(DeclarationError):
    """All the errors found in one reading of the declarations, so that one run shows them all."""

    def __init__(self, errors: Iterable[DeclarationError]) -> None:
        self.errors = tuple(errors)
        first = self.errors[0]
        super().__init__(first.message, hint=first.hint, where=first.where)


class ConfigError(ReconcileError):
    """`reconcile.yaml`, a flag or an environment variable is wrong or missing."""

    code = "RC0200"


class ConnectionFailed(ReconcileError):
    """A store cannot be reached, or refuses the credentials."""

    code = "RC0300"


class StoreError(ReconcileError):
    """A store refused a query or a change."""

    code = "RC0310"


class LocalStoreError(ReconcileError):
    """A local store cannot be fetched, started or stopped."""

    code = "RC0320"


class UnsupportedChange(ReconcileError):
    """A change that no rule handles (law 3: never silence). Declare the new thing beside the old one instead."""

    code = "RC0400"


class InternalError(ReconcileError):
    """A defect of `reconcile` itself: one of its own checks failed."""

    code = "RC0900"


class Blocked(ReconcileError):
    """A policy, or a hazard that nobody approved, stops the plan."""

    code = "RC0500"
    exit_code = 3


class LockBusy(ReconcileError):
    """Another applier holds the target."""

    code = "RC0600"
    exit_code = 4


class StalePlan(ReconcileError):
    """The plan file was edited, or the store moved since the plan was made."""

    code = "RC0700"
    exit_code = 5


class PartlyApplied(ReconcileError):
    """Some steps ran and some did not; running the same plan again finishes it.

    `ran` names the steps that did, `failures` the steps that did not with their errors, both in words.
    """

    code = "RC0800"
    exit_code = 6

    def __init__(
        self,
        message: str,
        *,
        ran: Iterable[str] = (),
        failures: Iterable[tuple[str, Exception]] = (),
        hint: str | None = None,
        effect: str = NOTHING_CHANGED,
    ) -> None:
        super().__init__(message, hint=hint, effect=effect)
        self.ran = tuple(ran)
        self.failures = tuple(failures)
