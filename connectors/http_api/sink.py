"""The declarative HTTP sink: delivers, looks up and probes as its settings declare."""

import contextlib
import ssl

import msgspec

from connectors.base import (
    Absent,
    Call,
    CheckReport,
    Context,
    Delivered,
    Document,
    Failed,
    Failure,
    Found,
    Idempotency,
    LookupAnswer,
    Outcome,
    Pending,
    Undecidable,
    Unknown,
)
from connectors.http_api.auth import authenticator
from connectors.http_api.operation import Run, Runner, Stopped, wanted
from connectors.http_api.probe import probe
from connectors.http_api.requests import compile_result, compile_step
from connectors.http_api.settings import Settings, Step, Tls
from connectors.secret_text import with_secrets
from connectors.ssrf import restrict
from connectors.tls import tls_context

__all__ = ["HttpApiSink"]


class HttpApiSink:
    """Delivers over HTTP as declared.

    Raises ValueError, or KeyError with the name of a missing secret, when it is made from
    settings that cannot work.
    """

    def __init__(self, settings: Settings, context: Context) -> None:
        _refuse_contradictions(settings)
        secret, lookup = context.secret, settings.lookup
        base_url = with_secrets(settings.base_url, secret)
        timeouts = _timeouts(settings)
        headers = {name: with_secrets(text, secret) for name, text in settings.headers.items()}
        self.idempotency = settings.idempotency.mode
        self._settings = settings
        self._headers = headers
        self._base_url = base_url
        self._timeouts = timeouts
        self._deliver = [compile_step(step, base_url, secret) for step in settings.deliver.steps]
        tidying = _without_effect(settings.deliver.on_refusal)
        self._on_refusal = [compile_step(step, base_url, secret) for step in tidying]
        self._result = compile_result(settings.deliver.result, secret)
        searches = _without_effect(lookup.steps) if lookup else []
        self._lookup = [compile_step(step, base_url, secret) for step in searches]
        self._lookup_result = compile_result(lookup.result, secret) if lookup else self._result
        self._transport = context.transport(
            connections=settings.connections, verify=_verify(settings.tls)
        )
        restrict(self._transport, settings.network)
        self._auth = authenticator(settings.auth, context, self._transport, timeouts)
        self._runner = Runner(
            context=context,
            transport=self._transport,
            auth=self._auth,
            headers=headers,
            timeouts=timeouts,
            settings=settings,
        )

    async def deliver(self, call: Call, document: Document) -> Outcome:
        """Run the steps once. Never raises for anything the partner does."""
        run = Run(call, document)
        try:
            await self._runner.run(run, self._deliver, call)
        except Stopped as stopped:
            await self._tidied(run, call, stopped.outcome)
            return stopped.outcome
        result = self._result
        external_id = result.external_id(run.scope)
        reply = result.reply(run.scope, run.last_body)
        if wanted(result.pending, run.scope, default=False):
            return Pending(
                external_id=external_id,
                poll_after_seconds=result.poll_after_seconds,
                reply=reply,
            )
        return Delivered(external_id=external_id, reply=reply)

    async def _tidied(self, run: Run, call: Call, outcome: Outcome) -> None:
        """After a refusal, let go of what was begun; how that ends changes nothing."""
        if isinstance(outcome, Failed) and outcome.failure is Failure.MESSAGE:
            with contextlib.suppress(Stopped):
                await self._runner.run(run, self._on_refusal, call)

    async def lookup(self, call: Call, document: Document) -> LookupAnswer:
        """Ask whether the effect of `call.key` is there. Anything unclear is Undecidable."""
        settings = self._settings.lookup
        if settings is None:
            return Undecidable(code="no_lookup")
        run = Run(call, document)
        try:
            await self._runner.run(run, self._lookup, call)
        except Stopped as stopped:
            if run.last_status in settings.absent_status:
                return Absent()
            return _undecided(stopped.outcome)
        if not wanted(settings.found, run.scope, default=False):
            return Absent()
        result = self._lookup_result
        if wanted(result.pending, run.scope, default=False):
            return Undecidable(code="pending")
        return Found(
            external_id=result.external_id(run.scope),
            reply=result.reply(run.scope, run.last_body),
        )

    async def check(self) -> CheckReport:
        """Probe reach, encryption and, where `check` names a call, the credential."""
        path = self._settings.check.path if self._settings.check else None
        return await probe(
            self._transport, self._auth, self._base_url, path, self._timeouts, self._headers
        )

    async def close(self) -> None:
        """Close the connections. May be called twice."""
        await self._transport.aclose()


def _undecided(outcome: Outcome) -> LookupAnswer:
    match outcome:
        case Delivered():
            return Found(external_id=outcome.external_id, reply=outcome.reply)
        case Failed(failure=Failure.CREDENTIAL):
            return Undecidable(
                code=outcome.code, detail=outcome.detail, failure=Failure.CREDENTIAL
            )
        case Failed() | Unknown():
            return Undecidable(code=outcome.code, detail=outcome.detail)
        case Pending():
            return Undecidable(code="pending")


def _without_effect(steps: list[Step]) -> list[Step]:
    """A lookup only asks, also by POST: it carries no key and cannot leave an effect unknown."""
    return [msgspec.structs.replace(step, effect="none") for step in steps]


def _timeouts(settings: Settings) -> dict[str, float]:
    bounds = settings.timeouts
    return {
        "connect": bounds.connect_seconds,
        "read": bounds.read_seconds,
        "write": bounds.read_seconds,
        "pool": bounds.pool_seconds,
    }


def _verify(tls: Tls) -> ssl.SSLContext | bool:
    if tls == Tls():
        return True
    return tls_context(
        ca_file=tls.ca_file, certificate_file=tls.certificate_file, key_file=tls.key_file
    )


def _refuse_contradictions(settings: Settings) -> None:
    if settings.idempotency.mode is Idempotency.LOOKUP and settings.lookup is None:
        raise ValueError("idempotency.mode is lookup and there is no lookup")
    delivering = [*settings.deliver.steps, *settings.deliver.on_refusal]
    for steps in (delivering, settings.lookup.steps if settings.lookup else []):
        ids = [step.id for step in steps]
        if len(set(ids)) != len(ids):
            raise ValueError("two steps of one operation have the same id")
