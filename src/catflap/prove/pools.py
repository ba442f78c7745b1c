"""The small pools that worlds are drawn from. Small on purpose: only what meets can go wrong together."""

from __future__ import annotations

from typing import Final

THIS_HOST: Final = "proven"
OTHER_HOSTS: Final = ("other", "third")

LABELS: Final = {"role": ("web", "db", ""), "zone": ("a", "b"), "x": ("", "1")}
SELECTORS: Final = (
    "all()",
    "role == 'web'",
    "role != 'web'",
    "role in {'db', 'web'}",
    "has(x)",
    "!has(x)",
    "zone == 'a' && has(role)",
    "zone == 'b' || role == 'db'",
    "zone not in {'a'}",
    "role starts with 'w'",
    "has(nothing)",
    """role != 'a"; drop # *\\{'""",
)
NODE_SELECTORS: Final = ("all()", "rack == 'r1'", "has(rack)", "rack != 'r1'")
TAGS: Final = ("tagged", "other-tag")
PROFILES: Final = ("p1", "p2")
MISSING_PROFILE: Final = "missing"
TIERS: Final = ("default", "first", "second")
MISSING_TIER: Final = "nowhere"
PORT_NAMES: Final = ("http", "http", "dns", "nobody-has-it")

NETS4: Final = (
    *("0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/24", "10.0.0.0/25", "10.0.0.128/25", "10.0.0.10/32", "10.0.0.10"),
    *("10.0.0.1/32", "10.0.1.0/24", "10.65.0.0/30", "10.65.0.2/32", "172.16.0.0/12", "8.8.8.8/32"),
    "128.0.0.0/1",
)
NETS6: Final = (
    *("::/0", "2001:db8::/32", "2001:db8::/121", "2001:db8::80/121", "2001:db8::10/128", "2001:db8::10"),
    *(
        "2001:db8::1/128",
        "2001:db8:1::/64",
        "2001:db8:65::/126",
        "2001:db8:65::2/128",
        "2a00::/16",
        "fe80::/10",
    ),
    "8000::/1",
)
NETS: Final = NETS4 + NETS6

SINGLE_PORTS: Final = (80, 443, 22, 53, 67, 8080, 8081, 0, 65535, 547)
PORT_RANGES: Final = ((79, 81), (0, 65535), (8000, 8080), (1, 1023), (81, 443))
PROTOCOL_NAMES: Final = ("tcp", "udp", "icmp", "icmpv6", "sctp", "udplite")
PROTOCOL_NUMBERS: Final = (6, 17, 1, 58, 132, 33, 47, 99)
# Echo requests most of all: of the other types connection tracking calls nearly all invalid.
ICMP_TYPES: Final = {
    1: (0, 3, 8, 8, 8, 11, 13, 13),
    58: (1, 4, 128, 128, 128, 128, 129, 130, 133, 135, 136, 137, 143, 200),
}
ICMP_CODES: Final = (0, 0, 1, 13)

# Configuration of the agent, as text.
INTERFACE_PREFIXES: Final = ("cali", "cali,tap", "none", "cali3,tap")
FAILSAFES: Final = (
    "none",
    "22",
    "tcp:22,udp:53",
    "tcp:10.0.0.0/24:22,tcp:2001:db8::/121:80",
    "tcp:79-81,udp:0.0.0.0/0:67",
)
WORKLOAD_TO_HOST: Final = ("DROP", "RETURN", "ACCEPT")
MARK_MASKS: Final = ("0x01000000", "0x00010000", "0xff000000", "0x80000000")
