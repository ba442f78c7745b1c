"""`LibNftables` against the real library and kernel, in a network namespace of the test's own."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tests.nft.namespace import Namespace, NamespaceNft

from catflap.nft.libnftables import LibNftables
from catflap.nft.port import NftError


def test_no_table_is_none(nft: NamespaceNft) -> None:
    assert nft.list_table() is None


def test_a_table_made_by_others_is_seen(namespace: Namespace, nft: NamespaceNft) -> None:
    assert nft.list_table() is None
    namespace.nft(
        "add table inet catflap; add set inet catflap s { type ipv4_addr; elements = { 10.0.0.1 }; }"
    )
    document = nft.list_table()
    assert document is not None
    assert [item["set"]["elem"] for item in document["nftables"] if "set" in item] == [["10.0.0.1"]]


def test_a_refused_transaction_changes_nothing_and_says_why(nft: NamespaceNft) -> None:
    with pytest.raises(NftError, match="No such file or directory"):
        nft.run("table inet catflap {\n\tchain a {\n\t\tjump b\n\t}\n}\n")
    assert nft.list_table() is None


def test_a_syntax_error_names_the_place_in_few_words(nft: NamespaceNft) -> None:
    with pytest.raises(NftError, match="syntax error, unexpected") as caught:
        nft.run("bogus " + "x" * 100_000)
    assert len(str(caught.value)) < 1000


def test_after_an_error_it_works_on(nft: NamespaceNft) -> None:
    with pytest.raises(NftError):
        nft.run("bogus\n")
    nft.run("table inet catflap {\n}\n")
    assert nft.list_table() is not None


def test_after_close_it_refuses(namespace: Namespace) -> None:
    nft = namespace.call(LibNftables)
    nft.close()
    nft.close()
    with pytest.raises(NftError, match="closed"):
        nft.run("table inet catflap {\n}\n")


def test_without_the_capability_it_says_what_is_needed(namespace: Namespace) -> None:
    program = "from catflap.nft.libnftables import LibNftables; LibNftables().list_table()"
    without = ("setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin", "--")
    done = namespace.call(
        lambda: subprocess.run(
            [*without, sys.executable, "-c", program], capture_output=True, text=True, check=False
        )
    )
    assert done.returncode == 1
    assert "CAP_NET_ADMIN" in done.stderr
