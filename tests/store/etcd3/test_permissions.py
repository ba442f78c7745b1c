from __future__ import annotations

from catflap.store.etcd3 import etcd_pb2 as pb
from catflap.store.etcd3.permissions import Permission, needed, refusal

READ_A = Permission("read", b"/a")
READ_ALL = Permission("read", b"/a/", b"/a0")
WRITE_B = Permission("write", b"/b")


def test_a_read_needs_its_keys() -> None:
    assert needed(pb.RangeRequest(key=b"/a")) == [READ_A]
    assert needed(pb.RangeRequest(key=b"/a/", range_end=b"/a0")) == [READ_ALL]


def test_a_transaction_needs_what_its_parts_do_each_once() -> None:
    request = pb.TxnRequest(
        compare=[pb.Compare(key=b"/a"), pb.Compare(key=b"/c")],
        success=[
            pb.RequestOp(request_put=pb.PutRequest(key=b"/b")),
            pb.RequestOp(request_delete_range=pb.DeleteRangeRequest(key=b"/c/", range_end=b"/c0")),
        ],
        failure=[pb.RequestOp(request_range=pb.RangeRequest(key=b"/a"))],
    )
    assert needed(request) == [
        WRITE_B,
        Permission("write", b"/c/", b"/c0"),
        READ_A,
        Permission("read", b"/c"),
    ]


def test_of_other_requests_nothing_is_known() -> None:
    assert needed(pb.LeaseRevokeRequest(ID=1)) == []


def test_a_refused_read_names_range_user_and_remedy() -> None:
    assert str(refusal("host:2379", "agent1", [READ_ALL])) == (
        "etcd host:2379 refuses to read /a/ … /a0: user 'agent1' has no role with read permission for it; "
        "give it one of the roles of scripts/etcd-roles (agent, operator, observer; see docs/etcd-security.md)"
    )


def test_who_has_no_user_name_is_known_by_its_certificate() -> None:
    text = str(refusal("host:2379", None, [WRITE_B]))
    assert "refuses to write /b: the user that the client's certificate names has no role" in text


def test_a_refused_transaction_names_the_first_of_what_it_needs() -> None:
    permissions = [WRITE_B, READ_A, *(Permission("write", f"/{number}".encode()) for number in range(5))]
    assert str(refusal("host:2379", "agent1", permissions)) == (
        "etcd host:2379 refuses the transaction: user 'agent1' needs permission to write /b, read /a, write /0, "
        "4 more; give it one of the roles of scripts/etcd-roles (agent, operator, observer; "
        "see docs/etcd-security.md)"
    )


def test_a_refused_request_of_another_kind_names_the_user() -> None:
    assert "refuses: user 'agent1' has no role" in str(refusal("host:2379", "agent1", []))
