"""Why somebody is not let in, or may not do something; each with its code and next step."""

from gateway.access.authorize import Decision, Verdict
from gateway.access.rights import Right
from gateway.errors import HubError, NotFound

__all__ = ["Forbidden", "Unauthenticated", "refusal"]


class Unauthenticated(HubError):
    """No credential, or none that is good. HTTP 401.

    `error` is RFC 6750's, "" where nothing was presented (3.1). `credential` names what was
    presented, for the audit: a key's id, a token's issuer and id; never a secret.
    """

    code = "unauthorized"

    def __init__(
        self,
        message: str = "This needs a credential.",
        *,
        error: str = "",
        credential: str = "",
        next_step: str = "send `Authorization: Bearer ...` with an API key, an access token, or"
        " on this machine what stands in the hub's token file.",
    ) -> None:
        super().__init__(message, next_step=next_step)
        self.error = error
        self.credential = credential


class Forbidden(HubError):
    """Known, and not allowed to do that. HTTP 403; `scope` is what a token would need."""

    code = "forbidden"

    def __init__(self, message: str, *, code: str, next_step: str, scope: str = "") -> None:
        super().__init__(message, code=code, next_step=next_step)
        self.scope = scope


def refusal(decision: Decision, right: Right, kind: str) -> HubError:
    """Return what is answered where the decision is not ALLOW."""
    match decision.verdict:
        case Verdict.FOREIGN:
            return NotFound(f"There is no such {kind}.")
        case Verdict.OUT_OF_SCOPE:
            return Forbidden(
                "The credential's scopes do not cover this.",
                code=decision.verdict.value,
                next_step=f"use one with the scope {right.value}.",
                scope=right.value,
            )
        case Verdict.REASON_NEEDED:
            return Forbidden(
                "This needs a reason.",
                code=decision.verdict.value,
                next_step="send it in the header `Hub-Reason`; it goes on the audit record.",
            )
        case Verdict.APPROVAL_NEEDED:
            return Forbidden(
                "This needs another person.",
                code=decision.verdict.value,
                next_step="send it again with `Hub-Proposal: new`, and have somebody else decide it.",
            )
        case Verdict.DENY | Verdict.ALLOW:
            return Forbidden(
                "None of your roles may do that.",
                code=Verdict.DENY.value,
                next_step=f"ask an administrator for a role with the right {right.value}.",
            )
