"""Who may do what: actors, credentials, and one table of rights with one function over it."""

from gateway.access.actor import LOCAL_NAME, Actor, ActorKind, Duty, local_actor
from gateway.access.authenticate import FOR_SYSTEMS, Authenticator
from gateway.access.authorize import (
    Decision,
    Resource,
    Verdict,
    authorize,
    conditions,
    depends_on_object,
)
from gateway.access.checking import access_faults, may_listen, must_make_sense
from gateway.access.codes import code_url
from gateway.access.denials import DENIED, Denials
from gateway.access.emergency import Emergency
from gateway.access.fetching import Fetcher
from gateway.access.keys import KeyFacts, Keys, NewKey
from gateway.access.paging import Pager
from gateway.access.passwords import NewPassword, new_password
from gateway.access.people import People, Started
from gateway.access.presented import COOKIE, PEER, Peer, Presented, read_presented, thumbprint
from gateway.access.proposals import ProposalFacts, Proposals, Wanted
from gateway.access.refusals import Forbidden, Unauthenticated, refusal
from gateway.access.rights import RIGHTS, Condition, Right, condition_of
from gateway.access.sessions import (
    ABSOLUTE_SECONDS,
    BREAK_GLASS_SECONDS,
    IDLE_SECONDS,
    Begun,
    SessionFacts,
    Sessions,
)
from gateway.access.tokens import AccessTokens

__all__ = [
    "ABSOLUTE_SECONDS",
    "BREAK_GLASS_SECONDS",
    "COOKIE",
    "DENIED",
    "FOR_SYSTEMS",
    "IDLE_SECONDS",
    "LOCAL_NAME",
    "PEER",
    "RIGHTS",
    "AccessTokens",
    "Actor",
    "ActorKind",
    "Authenticator",
    "Begun",
    "Condition",
    "Decision",
    "Denials",
    "Duty",
    "Emergency",
    "Fetcher",
    "Forbidden",
    "KeyFacts",
    "Keys",
    "NewKey",
    "NewPassword",
    "Pager",
    "Peer",
    "People",
    "Presented",
    "ProposalFacts",
    "Proposals",
    "Resource",
    "Right",
    "SessionFacts",
    "Sessions",
    "Started",
    "Unauthenticated",
    "Verdict",
    "Wanted",
    "access_faults",
    "authorize",
    "code_url",
    "condition_of",
    "conditions",
    "depends_on_object",
    "local_actor",
    "may_listen",
    "must_make_sense",
    "new_password",
    "read_presented",
    "refusal",
    "thumbprint",
]
