"""Runs one operation's steps and decides, in one place, what may be claimed after a failure.

Before any step with an effect may have left, a failure is definite. After that every failure is
unknown, because a part of the effect may be there: a lookup, or the same key on the next try,
decides it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import UNSET, UnsetType

from connectors.base import (
    Call,
    Context,
    Delivered,
    Document,
    Failed,
    Failure,
    Idempotency,
    Outcome,
    Unknown,
)
from connectors.http import (
    NotSent,
    OutcomeUnknown,
    Request,
    Transport,
    exchange,
    may_have_left,
)
from connectors.http_api.answers import Judgement, Reading, holds, judge, read_answer
from connectors.http_api.auth import Authenticator, CredentialFault
from connectors.http_api.requests import CompiledStep
from connectors.http_api.settings import Condition, IdempotencySettings, Settings
from connectors.http_api.template import MISSING, TemplateFault

__all__ = ["Run", "Runner", "Stopped", "wanted"]


class Stopped(Exception):
    """The operation ends here with this outcome."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


class Run:
    """What one operation has learnt so far."""

    def __init__(self, call: Call, document: Document) -> None:
        self.scope: dict[str, Any] = {
            "in": document.data,
            "key": call.key,
            "attempt": call.attempt,
            "contract": document.contract,
            "name": document.name,
            "steps": {},
        }
        self.document = document
        self.headers = {"traceparent": call.traceparent} if call.traceparent else {}
        self.last_body: Any = None
        self.last_status = 0
        self._effect_possible = False
        self._sending: Request | None = None

    def begin(self, request: Request, step: CompiledStep) -> None:
        """Note that a request is about to leave; only those with an effect matter."""
        self._sending = request if step.writes else None

    def ended(self, *, effect_possible: bool) -> None:
        """Note that the request in flight has ended."""
        self._effect_possible |= effect_possible and self._sending is not None
        self._sending = None

    def learn(self, step: CompiledStep, reading: Reading) -> None:
        """Keep a success's answer for later templates."""
        self.last_body = reading.body
        answer = {"status": reading.status, "headers": reading.headers}
        if reading.body is not MISSING:
            answer["body"] = reading.body
        self.scope["steps"][step.id] = answer
        for name, render in step.sets.items():
            try:
                self.scope[name] = render(self.scope)
            except TemplateFault:
                continue

    def failed(self, failure: Failure, code: str, detail: str = "", **more: Any) -> Stopped:
        """End with a definite failure, unless an effect may already be there."""
        if self._effect_possible:
            return Stopped(Unknown(code=code, detail=detail))
        return Stopped(Failed(failure=failure, code=code, detail=detail, **more))

    def out_of_time(self) -> Outcome:
        """Say what the deadline cut off."""
        cut = self._sending
        self.ended(effect_possible=cut is not None and may_have_left(cut))
        return self.failed(Failure.DESTINATION, "deadline").outcome


class Runner:
    """Sends the steps of operations over one transport."""

    def __init__(
        self,
        *,
        context: Context,
        transport: Transport,
        auth: Authenticator,
        headers: Mapping[str, str],
        timeouts: dict[str, float],
        settings: Settings,
    ) -> None:
        self._context = context
        self._transport = transport
        self._auth = auth
        self._headers = headers
        self._rules = settings.errors
        self._timeouts = timeouts
        self._idempotency = settings.idempotency

    async def run(self, run: Run, steps: Sequence[CompiledStep], call: Call) -> None:
        """Run the steps. Raises Stopped where one does not end in a plain success."""
        remaining = call.deadline - self._context.clock.monotonic()
        if remaining <= 0:
            raise run.failed(Failure.DESTINATION, "deadline")
        try:
            async with asyncio.timeout(remaining):
                for step in steps:
                    if wanted(step.when, run.scope, default=True) and not wanted(
                        step.unless, run.scope, default=False
                    ):
                        await self._step(step, run, call)
        except TimeoutError:
            raise Stopped(run.out_of_time()) from None

    async def _step(self, step: CompiledStep, run: Run, call: Call) -> None:
        credential = await self._credential(step, run)
        reading = await self._send(step, run, self._request(step, run, call, credential))
        if reading.status == 401 and self._auth.renewable:
            run.ended(effect_possible=False)
            self._auth.forget(credential)
            credential = await self._credential(step, run)
            reading = await self._send(step, run, self._request(step, run, call, credential))
        run.last_status = reading.status
        judgement = judge(
            reading,
            self._rules,
            step=step.id,
            expects=step.expects,
            now=self._context.clock.now(),
        )
        if judgement is not None:
            run.ended(effect_possible=judgement.class_ == "unknown")
            raise _stopped(run, judgement)
        run.ended(effect_possible=True)
        run.learn(step, reading)
        if step.refuse is not UNSET and holds(step.refuse.when, run.scope):
            raise run.failed(Failure.MESSAGE, step.refuse.code, f"step {step.id}")

    async def _credential(self, step: CompiledStep, run: Run) -> Mapping[str, str]:
        try:
            return await self._auth.headers()
        except CredentialFault as fault:
            wait = fault.retry_after_seconds
            detail = f"step {step.id}"
            raise run.failed(fault.failure, fault.code, detail, retry_after_seconds=wait) from None

    def _request(
        self, step: CompiledStep, run: Run, call: Call, credential: Mapping[str, str]
    ) -> Request:
        headers = {**self._headers, **run.headers, **credential}
        if step.writes and self._idempotency.mode is Idempotency.KEY:
            headers[self._idempotency.header] = _key_value(call.key, self._idempotency)
        try:
            return step.request(run.scope, run.document, headers, self._timeouts)
        except TemplateFault as fault:
            raise run.failed(Failure.MESSAGE, "template", f"step {step.id}: {fault}") from None
        except (TypeError, ValueError):
            raise run.failed(Failure.MESSAGE, "template", f"step {step.id}") from None

    async def _send(self, step: CompiledStep, run: Run, request: Request) -> Reading:
        detail = f"step {step.id}"
        run.begin(request, step)
        try:
            self._context.fail_point("http_api.before_send")
            answer = await exchange(self._transport, request)
            self._context.fail_point("http_api.after_answer")
        except NotSent as fault:
            run.ended(effect_possible=False)
            failure = Failure.CREDENTIAL if fault.for_a_person else Failure.DESTINATION
            raise run.failed(failure, fault.code, detail) from None
        except OutcomeUnknown as fault:
            run.ended(effect_possible=True)
            raise run.failed(Failure.DESTINATION, fault.code, detail) from None
        return read_answer(answer)


def wanted(condition: str | Condition | UnsetType, scope: Any, *, default: bool) -> bool:
    """Test an optional condition; `default` where there is none."""
    return default if condition is UNSET else holds(condition, scope)


def _stopped(run: Run, judgement: Judgement) -> Stopped:
    if judgement.class_ == "duplicate":
        return Stopped(
            Delivered(external_id=judgement.external_id, reply=judgement.words, duplicate=True)
        )
    return run.failed(
        judgement.failure,
        judgement.code,
        judgement.detail,
        retry_after_seconds=judgement.retry_after_seconds,
        reply=judgement.words,
        conflict=judgement.conflict,
    )


def _key_value(key: str, settings: IdempotencySettings) -> str:
    """Return the key, as a structured-field string where asked (RFC 8941, 3.3.3)."""
    if not settings.quoted:
        return key
    return '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'
