"""The SDK's errors, told apart and said in our words. No message holds a credential (law 9)."""

from __future__ import annotations

import re

from reconciler.errors import ConnectionFailed, StoreError

BUSY = frozenset({"ResourceInUseException", "ContinuousBackupsUnavailableException", "ConcurrentUpdateException"})
"""The table is in the middle of something; the same call goes through later."""

THROTTLED = frozenset(
    {
        "LimitExceededException",
        "ThrottlingException",
        "ThrottledException",
        "RequestLimitExceeded",
        "ProvisionedThroughputExceededException",
        "TransactionConflictException",
        "TooManyRequestsException",
    }
)
DENIED = frozenset({"AccessDeniedException", "AccessDenied", "NotAuthorized"})
CREDENTIALS = frozenset(
    {
        "UnrecognizedClientException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "OptInRequired",
    }
)
UNKNOWN = "UnknownOperationException"
"""What DynamoDB Local answers to calls it does not have."""

MISSING = "ResourceNotFoundException"
CONDITION = "ConditionalCheckFailedException"


def code(error: Exception) -> str:
    """The service's error code; empty for errors that are not the service's."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def text(error: Exception) -> str:
    """The service's message, first line only."""
    response = getattr(error, "response", None)
    message = response.get("Error", {}).get("Message", "") if isinstance(response, dict) else ""
    return str(message or error).strip().splitlines()[0] if str(message or error).strip() else type(error).__name__


def too_often(error: Exception) -> bool:
    """Whether this is the refusal of a second TTL change within the hour."""
    return code(error) == "ValidationException" and "modified multiple times" in text(error)


def used_up(error: Exception) -> bool:
    """Whether a limit of hours or days is reached (see `limits`), so that trying again soon is of no use."""
    return code(error) == "LimitExceededException" and re.search(r"\b(hours?|days?)\b", text(error)) is not None


def refused(call: str, table: str, error: Exception, effect: str | None = None) -> StoreError:
    """A call that the service refused."""
    name = code(error)
    hint = f"the credentials need dynamodb:{call}" if name in DENIED else None
    message = f"DynamoDB refused {call} of {table}: {name + ': ' if name else ''}{text(error)}"
    return StoreError(message, hint=hint, effect=effect) if effect else StoreError(message, hint=hint)


def unreachable(where: str, region: str, error: Exception) -> ConnectionFailed:
    """A first call that failed: what it means, and what to look at."""
    name, kind = code(error), type(error).__name__
    if kind in ("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "TokenRetrievalError"):
        hint = "set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or log in (`aws sso login`)"
        return ConnectionFailed(f"no credentials for {where}", hint=hint)
    if kind in ("SSOTokenLoadError", "UnauthorizedSSOTokenError", "SSOError"):
        return ConnectionFailed(f"the login for {where} has ended", hint="log in again: `aws sso login`")
    if name in CREDENTIALS:
        hint = "they may be expired, or belong to another partition; DynamoDB Local takes letters and digits only"
        return ConnectionFailed(f"{where} does not accept the credentials ({name})", hint=hint)
    if name in DENIED:
        return ConnectionFailed(f"{where} denies dynamodb:ListTables", hint="allow it for these credentials")
    if name:
        return ConnectionFailed(f"{where} answers {name}: {text(error)}")
    hint = (
        f"is {region!r} the region?"
        if where.endswith(f" in {region}")
        else "is it up, and is it DynamoDB that answers there?"
    )
    return ConnectionFailed(f"{where} cannot be reached ({kind})", hint=hint)
