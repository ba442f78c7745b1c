"""Follows the how-to guides to the letter, and judges what they say with real packets."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from catflap.lab.topology import HOST_MANAGEMENT, HOST_PUBLIC, MGMT, WEB

from .test_docs import BGP, HTTP, HTTPS, SSH, Walk
from .typed_host import NONE, TypedHost, typed_host

V6 = frozenset({6})


@pytest.fixture
async def host() -> AsyncIterator[TypedHost]:
    async with typed_host() as made:
        yield made


async def start(host: TypedHost, walk: Walk, begin: str = "catflap agent") -> None:
    await host.start_agent(walk.next(begin))
    host.log.wait_for("Enforcing on")


async def stop(host: TypedHost) -> None:
    await host.type("kill $AGENT && { wait $AGENT; AGENT=; }")


async def test_a_single_host(host: TypedHost) -> None:
    walk = Walk("docs/how-to/single-host.md")
    for begin in ("mkdir -p", "echo '[global]", "echo 'apiVersion", 'echo "apiVersion'):
        await host.type(walk.next(begin))
    assert "no errors" in await host.type(walk.next("catflap check"))
    assert "ALLOW" in await host.type(walk.next("catflap explain"))
    await start(host, walk)
    walk.finish()
    await host.expect(host.network.web, HOST_PUBLIC, HTTP)
    await host.expect(host.network.web, HOST_PUBLIC, HTTPS, NONE)
    await host.expect(host.network.host, WEB, HTTPS)


async def test_policy_in_git(host: TypedHost) -> None:
    walk = Walk("docs/how-to/git.md")
    await host.type("export FELIX_FELIXHOSTNAME=web1")
    await host.type(
        "mount -t tmpfs none /srv && git init --quiet --bare --initial-branch main /srv/policy.git"
    )
    await host.type(walk.next("echo '#!/bin/sh"))
    await host.type(walk.next("chmod +x"))
    await host.type('git init --quiet --initial-branch main "$TMPDIR/work"')
    await host.type('cp examples/02-webserver/*.yaml "$TMPDIR/work"')
    push = (
        'git -C "$TMPDIR/work" add -A && git -C "$TMPDIR/work" -c user.name=a -c user.email=a@example.org commit'
        ' --quiet --message change && git -C "$TMPDIR/work" push --quiet /srv/policy.git main'
    )
    await host.type(push)
    await host.type(walk.next("git clone"))
    await start(host, walk, "FELIX_DATASTORETYPE=directory catflap agent")
    await host.expect(host.network.web, HOST_PUBLIC, HTTPS)
    await host.type("sed -i 's/443/4443/' \"$TMPDIR/work/webserver.yaml\"")
    await host.type(push)
    host.log.mark()
    await host.type(walk.next("git -C /etc/catflap/policy pull"))
    walk.finish()
    host.log.wait_for("Enforcing on")
    await host.expect(host.network.web, HOST_PUBLIC, HTTPS, NONE)
    await host.type("sed -i 's/selector/selctor/' \"$TMPDIR/work/webserver.yaml\"")
    refused = await host.type(f"! {{ {push}; }}")
    assert "selctor" in refused


async def test_a_docker_host(host: TypedHost) -> None:
    """The published port, as docker makes it: a rule that gives packets another destination before routing."""
    walk = Walk("docs/how-to/docker.md")
    for begin in ("mkdir -p", 'echo "apiVersion'):
        await host.type(walk.next(begin))
    assert "no errors, no warnings" in await host.type(walk.next("catflap check --ignore wide-open"))
    assert "DENY" in await host.type(walk.next("! catflap explain"))
    assert "ALLOW" in await host.type(walk.next("catflap explain"))
    await host.type("nft add table inet nat")
    await host.type("nft 'add chain inet nat prerouting { type nat hook prerouting priority dstnat; }'")
    await host.type(f"nft add rule inet nat prerouting tcp dport 8080 dnat ip to {MGMT.v4}:443")
    await host.type(f"nft add rule inet nat prerouting tcp dport 8080 dnat ip6 to [{MGMT.v6}]:443")
    await host.listen(host.network.mgmt, 443)
    host.network.set_forwarding(enabled=True)
    await host.expect(host.network.web, HOST_PUBLIC, ("tcp", 8080))
    await start(host, walk, "FELIX_DATASTORETYPE=directory catflap agent")
    walk.finish()
    await host.expect(host.network.web, HOST_PUBLIC, ("tcp", 8080), NONE)
    await host.expect(host.network.web, HOST_PUBLIC, HTTP)


async def test_ipv6_only(host: TypedHost) -> None:
    walk = Walk("docs/how-to/ipv6-only.md")
    for begin in ("mkdir -p", "echo '[global]", 'echo "apiVersion'):
        await host.type(walk.next(begin))
    assert "no errors, no warnings" in await host.type(walk.next("catflap check --ignore wide-open"))
    await start(host, walk)
    walk.finish()
    await host.expect(host.network.web, HOST_PUBLIC, HTTP, V6)
    await host.expect(host.network.web, HOST_PUBLIC, ("icmp", 0), V6)
    await host.expect(host.network.web, HOST_PUBLIC, SSH, NONE)
    await host.expect(host.network.host, WEB, HTTPS, V6)
    await host.expect(host.network.mgmt, HOST_MANAGEMENT, HTTPS)


async def test_a_router(host: TypedHost) -> None:
    walk = Walk("docs/how-to/router.md")
    for begin in ("mkdir -p", 'echo "apiVersion'):
        await host.type(walk.next(begin))
    assert "no errors, no warnings" in await host.type(walk.next("catflap check"))
    assert "ALLOW" in await host.type(walk.next("catflap explain"))
    assert "TIER_DEFAULT_DENY" in await host.type(walk.next("! catflap explain"))
    assert "default/blocked" in await host.type(walk.next("! catflap explain"))
    await start(host, walk, "FELIX_DATASTORETYPE=directory catflap agent")
    walk.finish()
    await host.listen(host.network.mgmt, 22, 443)
    host.network.set_forwarding(enabled=True)
    await host.expect(host.network.web, MGMT, HTTPS)
    await host.expect(host.network.web, MGMT, SSH, NONE)
    await host.expect(host.network.stranger, MGMT, HTTPS, V6)  # the list has its IPv4 network only
    await host.expect(host.network.mgmt, WEB, HTTPS)


async def test_an_editor(host: TypedHost) -> None:
    walk = Walk("docs/how-to/editors.md")
    await host.type(walk.next("catflap schema"))
    assert "no errors" in await host.type(walk.next("catflap check"))
    walk.finish()
    await host.type('cmp "$HOME/catflap.json" docs/schemas/catflap.json')


async def test_an_emergency(host: TypedHost) -> None:
    """On the host of the guide to a single host."""
    before = Walk("docs/how-to/single-host.md")
    for begin in (
        "mkdir -p",
        "echo '[global]",
        "echo 'apiVersion",
        'echo "apiVersion',
        "catflap check",
        "catflap",
    ):
        await host.type(before.next(begin))
    await start(host, before)
    await host.type("export CATFLAP_STORE=dir:/etc/catflap/policy")
    walk, web = Walk("docs/how-to/emergency.md"), host.network.web
    assert "Nothing is the matter." in await host.type(walk.next("catflap doctor"))
    assert "DENY" in await host.type(walk.next("catflap explain --live"))
    await host.until('test -s "$CATFLAP_STATE_DIR/rule-set.nft"')
    await stop(host)
    await host.expect(web, HOST_PUBLIC, HTTPS, NONE)  # stopping opens nothing
    await host.type(walk.next("nft insert rule"))
    await host.expect(web, HOST_PUBLIC, HTTPS)
    await host.type(walk.next("FELIX_FAILSAFEINBOUNDHOSTPORTS="))
    assert "by hand" not in await host.type("nft list chain inet catflap input")
    await host.expect(web, HOST_PUBLIC, HTTPS)
    await host.expect(web, HOST_PUBLIC, BGP, NONE)
    await host.type(walk.next("nft delete table"))
    await host.expect(web, HOST_PUBLIC, BGP)
    await host.type(walk.next("mv "))
    await host.type("catflap boot")
    await host.expect(web, HOST_PUBLIC, BGP)  # nothing was kept for it
    await close(host, walk)


async def close(host: TypedHost, walk: Walk) -> None:
    """The last section, with a store that has neither policy nor endpoints."""
    await host.type("rm /etc/catflap/policy/*.yaml")
    await host.type(walk.next("catflap init"))
    await host.type(walk.next('echo "apiVersion'))
    await host.type(walk.next("catflap agent --once"))
    walk.finish()
    await host.expect(host.network.web, HOST_PUBLIC, BGP, NONE)
    await host.expect(host.network.web, HOST_PUBLIC, HTTP, NONE)
    await host.expect(host.network.web, HOST_PUBLIC, SSH)
