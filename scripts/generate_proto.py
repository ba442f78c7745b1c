#!/usr/bin/env python3
"""Generate the Python messages of etcd's v3 API from Catflap's own .proto file.

No gRPC stubs are generated: those refuse every grpcio older than their generator, and four method paths are
quickly written by hand. The result is committed, so that users need no compiler; a test compares the two.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from grpc_tools import protoc  # type: ignore[import-untyped]  # it has no type information

SOURCE = Path(__file__).resolve().parent.parent / "src"
PROTO = "catflap/store/etcd3/etcd.proto"
STUBS = "catflap/store/etcd3/etcd_pb2.pyi"
GENERATED = ("catflap/store/etcd3/etcd_pb2.py", STUBS)
STUBS_HEADER = (
    '# mypy: disable-error-code="type-arg"\n'  # the compiler writes `Mapping` without its parameters
)


def generate(target: Path) -> None:
    """Write the generated modules below ``target``, a directory that exists.

    Raises:
        RuntimeError: the compiler refused the file; it has told why on stderr.
    """
    arguments = [f"--proto_path={SOURCE}", f"--python_out={target}", f"--pyi_out={target}", PROTO]
    if protoc.main(["protoc", *arguments]) != 0:
        raise RuntimeError(f"protoc could not compile {SOURCE / PROTO}")
    stubs = target / STUBS
    stubs.write_text(STUBS_HEADER + stubs.read_text())


def main() -> int:
    """Generate in place, or where ``--out`` says."""
    parser = argparse.ArgumentParser(description="generate the etcd messages anew from their .proto")
    parser.add_argument("--out", type=Path, default=SOURCE, help="root of the written tree")
    generate(parser.parse_args().out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
