"""The script that makes etcd's users, and what the users of a real etcd can do: what they should, and nothing else.

Users log in with certificates and with passwords; for etcd that are two ways through its code.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.store.certificates import make_authority, make_certificate

from catflap.lab.etcd import EtcdServer
from catflap.store import StoreDeniedError, StoreOptions, open_store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SCRIPT = Path(__file__).parents[2] / "scripts" / "etcd-roles"
TIMEOUT = 60.0  # seconds
POLICY = "/calico/v1/policy/tier/default/policy/p"
V3_POLICY = "/calico/resources/v3/projectcalico.org/globalnetworkpolicies/p"
JOURNAL = "/calico/catflap/journal/id/1"
STATUS = "/calico/felix/v1/host/{}/status"


class Guarded:
    """An etcd that asks who anybody is, and programs that talk to it as one of its users."""

    def __init__(self, etcd: EtcdServer, directory: Path) -> None:
        self.etcd = etcd
        self.directory = directory

    def environment(self, user: str, certificate: str | None = None) -> dict[str, str]:
        """As ``user``: with a certificate of that name, or with a password and anybody's certificate."""
        files = self.directory / (certificate or user)
        password = self.directory / "passwords" / user
        login = {"ETCDCTL_USER": f"{user}:{password.read_text()}"} if certificate else {}
        return {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "ETCDCTL_API": "3",
            "ETCDCTL_ENDPOINTS": self.etcd.client_url,
            "ETCDCTL_CACERT": str(self.directory / "ca.pem"),
            "ETCDCTL_CERT": f"{files}.pem",
            "ETCDCTL_KEY": f"{files}.key",
            **login,
        }

    def options(self, user: str) -> StoreOptions:
        """For a store; with a certificate."""
        files = self.directory / user
        return StoreOptions(
            ca_file=str(self.directory / "ca.pem"), cert_file=f"{files}.pem", key_file=f"{files}.key"
        )

    def roles(self, *arguments: str, user: str = "root", text: str = "") -> str:
        """Run the script; what it printed."""
        return run([str(SCRIPT), *arguments], self.environment(user), text)

    def etcdctl(self, user: str, *arguments: str, text: str = "") -> str:
        """Run etcdctl with a user's certificate, or for ``name+password`` with the password."""
        name, _, with_password = user.partition("+")
        environment = self.environment(name, "nobody" if with_password else None)
        return run(["etcdctl", "--command-timeout=5s", *arguments], environment, text)


class FailedError(Exception):
    """A program failed; the text is what it wrote to stderr."""


def run(command: list[str], environment: Mapping[str, str], text: str = "") -> str:
    done = subprocess.run(
        command, env=environment, input=text, capture_output=True, text=True, check=False, timeout=TIMEOUT
    )
    if done.returncode:
        raise FailedError(done.stderr)
    return done.stdout


def make_certificates(directory: Path) -> None:
    make_authority(directory, "ca")
    for name in ("server", "root", "web1", "web2", "alice", "olga", "nobody"):
        make_certificate(directory, name, "ca")


def server(directory: Path, *more: str) -> EtcdServer:
    files = {"--cert-file": "server.pem", "--key-file": "server.key", "--trusted-ca-file": "ca.pem"}
    arguments = [f"{option}={directory / name}" for option, name in files.items()]
    return EtcdServer(arguments=[*arguments, *more], scheme="https")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    directory = tmp_path_factory.mktemp("guarded")
    make_certificates(directory)
    with server(directory, "--client-cert-auth") as etcd:
        made = Guarded(etcd, directory)
        made.roles("--certificate", "root")
        made.roles("--certificate", "agent", "web1", "web2")
        made.roles("--passwords", str(directory / "passwords"), "agent", "web3")
        made.roles("--certificate", "operator", "alice")
        made.roles("--certificate", "observer", "olga")
        made.roles("enable")
        for key in ("/calico/v1/Ready", POLICY, V3_POLICY, JOURNAL, STATUS.format("web2"), "/other"):
            made.etcdctl("root", "put", key, "root's")
        yield made


# What users can do


AGENTS = ["web1", "web3+password"]
READABLE = ("get", "--prefix", "/calico/v1/"), ("get", "/calico/resources/v3/", "/calico/v10")


@pytest.mark.parametrize("user", [*AGENTS, "alice", "olga"])
@pytest.mark.parametrize("command", READABLE, ids=" ".join)
def test_everybody_reads_policy(guarded: Guarded, user: str, command: tuple[str, ...]) -> None:
    assert POLICY in guarded.etcdctl(user, *command)


@pytest.mark.parametrize("user", AGENTS)
def test_an_agent_writes_below_its_own_host(guarded: Guarded, user: str) -> None:
    key = STATUS.format(user.partition("+")[0])
    lease = guarded.etcdctl(user, "lease", "grant", "30").split()[1]
    guarded.etcdctl(user, "put", f"--lease={lease}", key, "up")
    assert "up" in guarded.etcdctl(user, "get", key)
    guarded.etcdctl(user, "lease", "revoke", lease)
    assert guarded.etcdctl(user, "get", key) == ""


@pytest.mark.parametrize("key", ["/calico/v1/Ready", POLICY, V3_POLICY, JOURNAL])
def test_an_operator_writes_policy_and_the_journal(guarded: Guarded, key: str) -> None:
    guarded.etcdctl("alice", "put", key, "alice's")
    assert "alice's" in guarded.etcdctl("alice", "get", key)


@pytest.mark.parametrize("user", ["alice", "olga"])
def test_operators_and_observers_read_what_agents_report(guarded: Guarded, user: str) -> None:
    assert "web2" in guarded.etcdctl(user, "get", "--prefix", "/calico/felix/v1/host/")


async def test_the_store_of_an_agent_says_what_it_may_not_do(guarded: Guarded) -> None:
    store = open_store(f"etcds://{guarded.etcd.endpoint}", guarded.options("web1"))
    await store.write([(STATUS.format("web1"), b"up")])
    assert POLICY in (await store.read("/calico/v1/")).entries
    with pytest.raises(StoreDeniedError, match="write /calico/v1/Ready"):
        await store.write([("/calico/v1/Ready", b"false")])
    await store.close()


# What nobody can do with an agent's credentials

STEAL_BY_CONDITION = f"""mod("{STATUS.format("web2")}") > "0"

put {STATUS.format("web1")} there

put {STATUS.format("web1")} not-there

"""
FORBIDDEN = [
    ("put", "/calico/v1/Ready", "false"),
    ("del", "/calico/v1/Ready"),
    ("put", POLICY, "x"),
    ("put", V3_POLICY, "x"),
    ("del", "--prefix", "/calico/"),
    ("put", "/calico/v1/host/web1/endpoint/eth0", "x"),
    ("put", "/calico/v1/catflap/change", "x"),
    ("put", JOURNAL, "x"),
    ("get", JOURNAL),
    ("put", STATUS.format("web2"), "x"),
    ("get", STATUS.format("web2")),
    ("del", STATUS.format("web2")),
    ("put", STATUS.format("web10"), "x"),
    ("get", "--prefix", "/calico/felix/v1/host/"),
    ("get", "--prefix", "/calico/"),
    ("get", "/other"),
    ("put", "/other", "x"),
    ("txn",),
    ("user", "list"),
    ("user", "get", "root"),
    ("user", "add", "thief:secret"),
    ("user", "delete", "web2"),
    ("user", "grant-role", "web1", "root"),
    ("user", "grant-role", "web1", "catflap-operator"),
    ("role", "list"),
    ("role", "get", "catflap-operator"),
    ("role", "add", "thieves"),
    ("role", "delete", "catflap-agent-web2"),
    ("role", "grant-permission", "catflap-agent-web1", "readwrite", "/calico/v1/Ready"),
    ("auth", "disable"),
    ("member", "add", "thief", "--peer-urls=http://127.0.0.1:9"),
    ("member", "remove", "1"),
    ("member", "update", "1", "--peer-urls=http://127.0.0.1:9"),
    ("snapshot", "save", "/dev/null"),
    ("defrag",),
    ("endpoint", "hashkv"),
]


@pytest.mark.parametrize("user", AGENTS)
@pytest.mark.parametrize("command", FORBIDDEN, ids=" ".join)
def test_an_agent_cannot(guarded: Guarded, user: str, command: tuple[str, ...]) -> None:
    with pytest.raises(FailedError, match="permission denied"):
        guarded.etcdctl(user, *command, text=STEAL_BY_CONDITION)


def test_the_password_of_another_user_cannot_be_changed(guarded: Guarded) -> None:
    with pytest.raises(FailedError, match="permission denied"):
        guarded.etcdctl("web1", "user", "passwd", "web2", "--interactive=false", text="secret\n")


def test_an_agent_can_neither_end_nor_use_another_ones_lease(guarded: Guarded) -> None:
    lease = guarded.etcdctl("root", "lease", "grant", "60").split()[1]
    guarded.etcdctl("root", "put", f"--lease={lease}", STATUS.format("web2"), "x")
    with pytest.raises(FailedError, match="permission denied"):
        guarded.etcdctl("web1", "lease", "revoke", lease)
    with pytest.raises(FailedError, match="permission denied"):
        guarded.etcdctl("web1", "put", f"--lease={lease}", STATUS.format("web1"), "x")


@pytest.mark.parametrize("prefix", ["/calico/felix/v1/host/web2/", "/calico/catflap/", "/"])
def test_an_agent_cannot_watch_what_it_cannot_read(guarded: Guarded, prefix: str) -> None:
    with pytest.raises(FailedError, match=r"watch is canceled by the server|permission denied"):
        guarded.etcdctl("web1", "watch", "--prefix", prefix)


@pytest.mark.parametrize(
    ("user", "key"),
    [
        ("alice", STATUS.format("web1")),
        ("alice", "/other"),
        ("olga", POLICY),
        ("olga", STATUS.format("web1")),
    ],
)
def test_operators_and_observers_have_limits_too(guarded: Guarded, user: str, key: str) -> None:
    with pytest.raises(FailedError, match="permission denied"):
        guarded.etcdctl(user, "put", key, "x")


def test_a_certificate_without_a_user_reads_nothing(guarded: Guarded) -> None:
    with pytest.raises(FailedError, match=r"user name not found|permission denied"):
        guarded.etcdctl("nobody", "get", "/calico/v1/Ready")


# What etcd does not protect: the document says so. If one of these fails with a newer etcd, correct the document.

UNPROTECTED = [
    ("compact", "2"),
    ("alarm", "list"),
    ("alarm", "disarm"),
    ("member", "list"),
    ("endpoint", "status"),
    ("lease", "grant", "5"),
    ("lease", "list"),
]


@pytest.mark.parametrize("user", ["web1", "nobody"])
@pytest.mark.parametrize("command", UNPROTECTED, ids=" ".join)
def test_etcd_does_not_protect(guarded: Guarded, user: str, command: tuple[str, ...]) -> None:
    try:
        guarded.etcdctl(user, *command)
    except FailedError as error:
        assert "has been compacted" in str(error)  # noqa: PT017 - only the second compaction says so


def test_etcd_does_not_protect_leases_from_being_looked_at_and_refreshed(guarded: Guarded) -> None:
    lease = guarded.etcdctl("root", "lease", "grant", "60").split()[1]
    guarded.etcdctl("root", "put", f"--lease={lease}", STATUS.format("web2"), "x")
    assert STATUS.format("web2") in guarded.etcdctl("nobody", "lease", "timetolive", "--keys", lease)
    assert "keepalived" in guarded.etcdctl("nobody", "lease", "keep-alive", "--once", lease)


def test_moving_the_leader_is_not_protected(guarded: Guarded) -> None:
    with pytest.raises(
        FailedError, match="bad leader transferee"
    ):  # it is asked for a member that there is not
        guarded.etcdctl("web1", "move-leader", "1")


# The script


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Guarded]:
    """An etcd without users and without TLS."""
    with EtcdServer() as etcd:
        yield Guarded(etcd, tmp_path)


def plainly(fresh: Guarded, *arguments: str, text: str = "", user: str | None = None) -> str:
    """Run the script without certificates."""
    every = fresh.environment("root")
    environment = {name: value for name, value in every.items() if not name.startswith("ETCDCTL_C")}
    del environment["ETCDCTL_KEY"]
    return run([str(SCRIPT), *arguments], {**environment, **({"ETCDCTL_USER": user} if user else {})}, text)


def test_a_second_run_changes_nothing(guarded: Guarded) -> None:
    before = guarded.etcdctl("root", "get", "/", "-w", "fields")
    assert guarded.roles("root") == ""
    assert guarded.roles("agent", "web1", "web2", "web3") == ""
    assert guarded.roles("operator", "alice") == ""
    assert guarded.roles("observer", "olga") == ""
    assert guarded.roles("enable") == "etcd asks who anybody is\n"
    assert guarded.etcdctl("root", "user", "list").split() == [
        "alice",
        "olga",
        "root",
        "web1",
        "web2",
        "web3",
    ]
    assert guarded.etcdctl("root", "get", "/", "-w", "fields") == before


def test_generated_passwords_are_readable_for_their_owner_only(guarded: Guarded) -> None:
    (password,) = (guarded.directory / "passwords").iterdir()
    assert password.stat().st_mode & 0o777 == 0o600
    assert (guarded.directory / "passwords").stat().st_mode & 0o777 == 0o700
    assert len(password.read_text()) == 32


def test_a_new_password_takes_the_place_of_the_old_one(guarded: Guarded) -> None:
    directory = guarded.directory / "passwords"
    before = (directory / "web3").read_text()
    guarded.roles("--passwords", str(directory), "--new", "agent", "web3")
    assert (directory / "web3").read_text() != before
    assert POLICY in guarded.etcdctl("web3+password", "get", POLICY)
    assert [path.name for path in directory.iterdir()] == ["web3"]


def test_who_is_removed_is_out(guarded: Guarded) -> None:
    guarded.roles("--certificate", "agent", "nobody")
    guarded.etcdctl("nobody", "get", POLICY)
    assert guarded.roles("remove", "nobody") == "deleted user nobody\ndeleted role catflap-agent-nobody\n"
    with pytest.raises(FailedError, match="permission denied"):
        guarded.etcdctl("nobody", "get", POLICY)
    assert guarded.roles("remove", "nobody") == ""


def test_a_user_has_one_role_only(guarded: Guarded) -> None:
    with pytest.raises(FailedError, match="user alice has the role catflap-operator, and nobody gets two"):
        guarded.roles("agent", "alice")


def test_permissions_of_other_origin_are_reported(guarded: Guarded) -> None:
    grant = ("catflap-agent-web2", "write", "/calico/v1/Ready")
    guarded.etcdctl("root", "role", "grant-permission", *grant)
    with pytest.raises(FailedError, match="role catflap-agent-web2 has other permissions than these"):
        guarded.roles("agent", "web2")
    guarded.etcdctl("root", "role", "revoke-permission", grant[0], grant[2])
    guarded.roles("agent", "web2")


def test_only_root_can_run_it(guarded: Guarded) -> None:
    with pytest.raises(FailedError, match="is the caller root"):
        guarded.roles("agent", "web1", user="alice")


def test_a_password_can_come_from_stdin(fresh: Guarded) -> None:
    plainly(fresh, "--password-file", "-", "root", text="one-word\nanother line\n")
    assert plainly(fresh, "enable", user="root:one-word") == "etcd asks who anybody is\n"
    assert plainly(fresh, "root", user="root:one-word") == ""


@pytest.mark.parametrize(
    ("text", "reason"), [("", "no password in -"), ("\n", "no password in -"), ("two words", "has a blank")]
)
def test_a_password_that_cannot_be_used_is_refused(fresh: Guarded, text: str, reason: str) -> None:
    with pytest.raises(FailedError, match=reason):
        plainly(fresh, "--password-file", "-", "root", text=text)


@pytest.mark.parametrize("user", [None, "root:wrong", "alice:secret"])
def test_who_would_be_locked_out_is_not(fresh: Guarded, user: str | None) -> None:
    plainly(fresh, "--password-file", "-", "root", text="secret")
    plainly(fresh, "--password-file", "-", "operator", "alice", text="secret")
    with pytest.raises(FailedError, match="was told not to ask again"):
        plainly(fresh, "enable", user=user)
    assert fresh.etcd.etcdctl("user", "list").split() == ["alice", "root"]


def test_names_in_certificates_need_an_option_of_etcd(tmp_path: Path) -> None:
    make_certificates(tmp_path)
    with server(tmp_path) as etcd:
        unasking = Guarded(etcd, tmp_path)
        unasking.roles("--certificate", "root")
        with pytest.raises(FailedError, match="--client-cert-auth"):
            unasking.roles("enable")
        assert unasking.etcdctl("root", "user", "list") == "root\n"


def test_without_root_nothing_is_enabled(fresh: Guarded) -> None:
    with pytest.raises(FailedError, match="etcd wants a user root"):
        plainly(fresh, "enable")


def test_a_new_user_needs_a_way_to_log_in(fresh: Guarded) -> None:
    with pytest.raises(FailedError, match="user root does not exist: say how to log in"):
        plainly(fresh, "root")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("", "say what to make"),
        ("everything", "there is no 'everything' to make"),
        ("agent", "agent needs a name"),
        ("root alice", "root takes no names"),
        ("--force root", "there is no option --force"),
        ("--passwords", "--passwords needs a value"),
        ("--passwords a --password-file b root", "exclude each other"),
        ("--password-file a agent b c", "for one name"),
        ("--new agent web1", "--new needs"),
        ("--certificate agent ../web1", "'../web1' is no name"),
        ("--certificate agent root", "root is no name for"),
        ("remove root", "cannot be removed"),
    ],
)
def test_a_wrong_command_line_is_explained(arguments: str, reason: str) -> None:
    done = subprocess.run([SCRIPT, *arguments.split()], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert reason in done.stderr
    assert "--help" in done.stderr


def test_help_has_an_example() -> None:
    printed = run([str(SCRIPT), "--help"], {"PATH": "/usr/bin:/bin"})
    assert "scripts/etcd-roles --certificate agent web1 web2" in printed


def test_where_nobody_answers_it_does_not_wait_for_ever() -> None:
    environment = {"PATH": "/usr/bin:/bin", "ETCDCTL_ENDPOINTS": "http://127.0.0.1:9"}
    with pytest.raises(FailedError, match="cannot reach etcd"):
        run([str(SCRIPT), "--certificate", "root"], environment)


# The v2 API


async def test_roles_mean_nothing_to_the_v2_api(guarded: Guarded) -> None:
    store = open_store(f"etcd2s://{guarded.etcd.endpoint}", guarded.options("nobody"))
    await store.write([("/calico/v1/Ready", b"false")])
    assert await store.get("/calico/v1/Ready") == b"false"
    await store.close()
