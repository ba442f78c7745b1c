"""A gRPC server that answers like etcd, or as badly as a test wants."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self, TypeAlias

import grpc

from catflap.store.etcd3 import etcd_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    Context: TypeAlias = grpc.aio.ServicerContext[pb.WatchRequest, pb.WatchResponse]


class AbortError(Exception):
    """End the call with this status."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(details)
        self.code = code
        self.details = details


class EndError(Exception):
    """End the stream with status OK."""


GARBAGE = b"\xff"  # no message of any kind
Step: TypeAlias = pb.WatchResponse | bytes | AbortError | EndError | asyncio.Event  # the last is waited for


class FakeEtcd:
    """Each watch request takes the next of ``scripts`` and stays silent after it.

    Reads answer ``entries``, which were set in revision 1, and the events of answers that scripts have sent.
    """

    def __init__(self) -> None:
        self.revision = 10
        self.cluster_id = 1
        self.raft_term = 2
        self.entries: dict[bytes, bytes] = {}
        self.events: list[pb.Event] = []
        self.scripts: list[Iterable[Step]] = []
        self.watches: list[pb.WatchCreateRequest] = []
        self.sent = 0  # answers of watches
        self.reads: list[pb.RangeRequest] = []
        self.on_range: Callable[[pb.RangeRequest], None] = lambda _request: None
        self.answering = asyncio.Event()  # reads wait for it
        self.answering.set()
        self.lease_requested = asyncio.Event()
        self.lease_answer: bytes | None = None  # to whatever concerns leases; None: there is none
        self._server = grpc.aio.server()
        self.endpoint = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    @property
    def header(self) -> pb.ResponseHeader:
        return pb.ResponseHeader(cluster_id=self.cluster_id, revision=self.revision, raft_term=self.raft_term)

    def created(self) -> pb.WatchResponse:
        return pb.WatchResponse(header=self.header, created=True)

    def happen(self, *events: pb.Event) -> None:
        """Let reads see changes, whether or not a watch tells of them."""
        self.events.extend(events)
        self.revision = max([self.revision, *(event.kv.mod_revision for event in events)])

    async def __aenter__(self) -> Self:
        reads = grpc.unary_unary_rpc_method_handler(
            self._range,
            request_deserializer=pb.RangeRequest.FromString,
            response_serializer=pb.RangeResponse.SerializeToString,
        )
        transactions = grpc.unary_unary_rpc_method_handler(
            self._transact,
            request_deserializer=pb.TxnRequest.FromString,
            response_serializer=pb.TxnResponse.SerializeToString,
        )
        watches = grpc.stream_stream_rpc_method_handler(
            self._watch,
            request_deserializer=pb.WatchRequest.FromString,
            response_serializer=serialized,
        )
        leases: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_stream_rpc_method_handler(
            self._answer_lease
        )
        self._server.add_generic_rpc_handlers(
            (
                grpc.method_handlers_generic_handler(
                    "etcdserverpb.KV", {"Range": reads, "Txn": transactions}
                ),
                grpc.method_handlers_generic_handler("etcdserverpb.Watch", {"Watch": watches}),
                grpc.method_handlers_generic_handler(
                    "etcdserverpb.Lease", {"LeaseKeepAlive": leases, "LeaseRevoke": leases}
                ),
            )
        )
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop(None)

    async def _range(self, request: pb.RangeRequest, context: Context) -> pb.RangeResponse:
        self.reads.append(request)
        await self.answering.wait()
        try:
            self.on_range(request)
        except AbortError as abort:
            await context.abort(abort.code, abort.details)
        end = request.range_end or request.key + b"\0"
        state = self._state(request.revision or self.revision)
        found = [kv for key, kv in sorted(state.items()) if request.key <= key < end]
        page = found[: request.limit or None]
        return pb.RangeResponse(header=self.header, kvs=page, more=len(page) < len(found), count=len(found))

    async def _transact(self, request: pb.TxnRequest, context: Context) -> pb.TxnResponse:
        """A transaction of reads only."""
        found = [await self._range(operation.request_range, context) for operation in request.success]
        answers = [pb.ResponseOp(response_range=answer) for answer in found]
        return pb.TxnResponse(header=self.header, succeeded=True, responses=answers)

    async def _answer_lease(
        self, requests: AsyncIterator[bytes], _context: grpc.aio.ServicerContext[bytes, bytes]
    ) -> AsyncIterator[bytes]:
        async for _ in requests:
            self.lease_requested.set()
            if self.lease_answer is None:
                await asyncio.Event().wait()
            else:
                yield self.lease_answer

    def _state(self, revision: int) -> dict[bytes, pb.KeyValue]:
        """Every key as it was at a revision."""
        state = {
            key: pb.KeyValue(key=key, value=value, mod_revision=1) for key, value in self.entries.items()
        }
        for event in self.events:
            if event.kv.mod_revision <= revision:
                state.pop(event.kv.key, None)
                if event.type == pb.Event.PUT:
                    state[event.kv.key] = event.kv
        return state

    async def _watch(
        self, requests: AsyncIterator[pb.WatchRequest], context: Context
    ) -> AsyncIterator[pb.WatchResponse | bytes]:
        self.watches.append((await anext(requests)).create_request)
        script: Iterable[Step] = self.scripts.pop(0) if self.scripts else [self.created()]
        for step in script:
            if isinstance(step, EndError):
                return
            if isinstance(step, AbortError):
                await context.abort(step.code, step.details)
            elif isinstance(step, asyncio.Event):
                await step.wait()
            elif isinstance(step, bytes):
                yield step
            else:
                self.happen(*step.events)
                self.sent += 1
                yield step
        await asyncio.Event().wait()


def serialized(step: pb.WatchResponse | bytes) -> bytes:
    return step if isinstance(step, bytes) else step.SerializeToString()


def put(revision: int, key: str, value: str = "v") -> pb.Event:
    """An event of a watch."""
    kv = pb.KeyValue(key=f"/calico/v1/{key}".encode(), value=value.encode(), mod_revision=revision)
    return pb.Event(type=pb.Event.PUT, kv=kv)


def deletion(revision: int, key: str) -> pb.Event:
    """An event of a watch."""
    kv = pb.KeyValue(key=f"/calico/v1/{key}".encode(), mod_revision=revision)
    return pb.Event(type=pb.Event.DELETE, kv=kv)


def answer(*events: pb.Event, fragment: bool = False) -> pb.WatchResponse:
    """An answer of a watch."""
    return pb.WatchResponse(header=pb.ResponseHeader(revision=99), events=events, fragment=fragment)
