"""A throw-away certificate authority with a server's and a client's certificate."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


def make_authority(directory: Path, name: str) -> None:
    """Make ``NAME.pem`` and ``NAME.key``."""
    certificate, key = directory / f"{name}.pem", directory / f"{name}.key"
    openssl(
        "req",
        "-x509",
        *KEY,
        "-keyout",
        str(key),
        "-out",
        str(certificate),
        "-days",
        "2",
        "-subj",
        f"/CN={name}",
    )


def make_certificate(
    directory: Path, name: str, authority: str, *, subject: str = "IP:127.0.0.1", days: int = 2
) -> None:
    """Make ``NAME.pem`` and ``NAME.key``, signed by the authority; with negative days it is past already."""
    certificate, key, request = (directory / f"{name}.{suffix}" for suffix in ("pem", "key", "csr"))
    extensions = directory / f"{name}.ext"
    extensions.write_text(f"subjectAltName={subject}\nextendedKeyUsage=serverAuth,clientAuth\n")
    openssl("req", *KEY, "-keyout", str(key), "-out", str(request), "-subj", f"/CN={name}")
    signer = ["-CA", str(directory / f"{authority}.pem"), "-CAkey", str(directory / f"{authority}.key")]
    made = ["-in", str(request), "-out", str(certificate), "-extfile", str(extensions), "-days", str(days)]
    openssl("x509", "-req", *made, *signer, "-CAcreateserial")


def openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
