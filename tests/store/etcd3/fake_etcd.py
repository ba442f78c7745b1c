"""A gRPC server that answers like etcd, or as badly as a test wants."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self, TypeAlias

import grpc

from catflap.store.etcd3 import etcd_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    Context: TypeAlias = grpc.aio.ServicerContext[pb.WatchRequest, pb.WatchResponse]


class AbortError(Exception):
    """End the call with this status."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(details)
        self.code = code
        self.details = details


class EndError(Exception):
    """End the stream with status OK."""


Step: TypeAlias = pb.WatchResponse | AbortError | EndError


class FakeEtcd:
    """Each watch request takes the next of ``scripts`` and stays silent after it; reads answer ``entries``."""

    def __init__(self) -> None:
        self.revision = 10
        self.cluster_id = 1
        self.raft_term = 2
        self.entries: dict[bytes, bytes] = {}
        self.scripts: list[list[Step]] = []
        self.watches: list[pb.WatchCreateRequest] = []
        self.reads: list[pb.RangeRequest] = []
        self.on_range: Callable[[pb.RangeRequest], None] = lambda _request: None
        self._server = grpc.aio.server()
        self.endpoint = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    @property
    def header(self) -> pb.ResponseHeader:
        return pb.ResponseHeader(cluster_id=self.cluster_id, revision=self.revision, raft_term=self.raft_term)

    def created(self) -> pb.WatchResponse:
        return pb.WatchResponse(header=self.header, created=True)

    async def __aenter__(self) -> Self:
        reads = grpc.unary_unary_rpc_method_handler(
            self._range,
            request_deserializer=pb.RangeRequest.FromString,
            response_serializer=pb.RangeResponse.SerializeToString,
        )
        watches = grpc.stream_stream_rpc_method_handler(
            self._watch,
            request_deserializer=pb.WatchRequest.FromString,
            response_serializer=pb.WatchResponse.SerializeToString,
        )
        self._server.add_generic_rpc_handlers(
            (
                grpc.method_handlers_generic_handler("etcdserverpb.KV", {"Range": reads}),
                grpc.method_handlers_generic_handler("etcdserverpb.Watch", {"Watch": watches}),
            )
        )
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop(None)

    async def _range(self, request: pb.RangeRequest, context: Context) -> pb.RangeResponse:
        self.reads.append(request)
        try:
            self.on_range(request)
        except AbortError as abort:
            await context.abort(abort.code, abort.details)
        found = sorted(item for item in self.entries.items() if request.key <= item[0] < request.range_end)
        page = found[: request.limit or None]
        kvs = [pb.KeyValue(key=key, value=value) for key, value in page]
        return pb.RangeResponse(header=self.header, kvs=kvs, more=len(page) < len(found), count=len(found))

    async def _watch(
        self, requests: AsyncIterator[pb.WatchRequest], context: Context
    ) -> AsyncIterator[pb.WatchResponse]:
        self.watches.append((await anext(requests)).create_request)
        script = self.scripts.pop(0) if self.scripts else [self.created()]
        for step in script:
            if isinstance(step, EndError):
                return
            if isinstance(step, AbortError):
                await context.abort(step.code, step.details)
            else:
                yield step
        await asyncio.Event().wait()


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
