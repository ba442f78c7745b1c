"""The page of resources: every kind with its fields, from the schemas that tests hold to the validation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from scripts.reference.tables import code, page, table

from catflap.model.v3_documents import NAMESPACED_KINDS, PLURALS
from catflap.schema.kinds import Spec, specs
from catflap.schema.rules import peer, rule

_INTRO: Final = """
Documents of the form `projectcalico.org/v3`, in files and under `/calico/resources/v3/projectcalico.org/` in etcd:

```yaml
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata:
  name: web1-public
  labels: {role: webserver}
spec:
  node: web1
  interfaceName: eth0
```

`metadata` has `name` (letters, digits, `.`, `-` and `_`), `labels` and `annotations`; kinds of a namespace have `namespace`, which is `default` where it is
left out. A field that is unknown is refused, with the closest known name; one that is `null` counts as absent. What the objects mean stands in
[the reference of policy](policy.md); [JSON Schemas](../schemas/README.md) are for editors.
"""
_V1: Final = """
Older tools and the guide write JSON below `/calico/v1/`. It says the same things, and both can stand in one store:

| key | holds | the same as |
|---|---|---|
| `/calico/v1/Ready` | the word `true` | `ClusterInformation` |
| `/calico/v1/config/NAME` | a parameter of all hosts | `FelixConfiguration` `default` |
| `/calico/v1/host/HOST/config/NAME` | a parameter of one host | `FelixConfiguration` `node.HOST` |
| `/calico/v1/host/HOST/endpoint/ID` | `name`, `expected_ipv4_addrs`, `expected_ipv6_addrs`, `profile_ids`, `labels`, `ports` | `HostEndpoint` |
| `/calico/v1/host/HOST/workload/ORCHESTRATOR/WORKLOAD/endpoint/ID` | `state`, `name`, `mac`, `profile_ids`, `labels`, `ipv4_nets`, `ipv6_nets`, `ipv4_gateway`, `ipv6_gateway`, `ipv4_nat`, `ipv6_nat`, `ports` | `WorkloadEndpoint` |
| `/calico/v1/policy/tier/TIER/metadata` | `order` | `Tier` |
| `/calico/v1/policy/tier/TIER/policy/ID` | `selector`, `order`, `inbound_rules`, `outbound_rules`, `types`, `untracked`, `pre_dnat`, `apply_on_forward` | `GlobalNetworkPolicy` |
| `/calico/v1/policy/profile/ID/rules` | `inbound_rules`, `outbound_rules` | `Profile` |
| `/calico/v1/policy/profile/ID/tags` | a list of tags | none |
| `/calico/v1/policy/profile/ID/labels` | labels | `Profile`, `labelsToApply` |

A rule has `action` (`allow`, `deny`, `reject`, `next-tier`, `log`; `allow` where it is left out), `ip_version`, `protocol`, `icmp_type`, `icmp_code`,
`log_prefix`, and for `src_` and `dst_` each `net`, `nets`, `tag`, `selector` and `ports`; `!` before a field negates it. `src_net` and `dst_net` of one version
of IP never match packets of the other. [The reference of policy](policy.md) has the names of both forms side by side.
"""


def resources_page() -> str:
    """The page."""
    kinds = [part for kind, spec in specs().items() for part in _kind(kind, spec)]
    return page(
        "Resources",
        _INTRO,
        *kinds,
        "## Rule",
        *_fields(rule()),
        "## Ends of a rule",
        *_fields(peer()),
        "## The guide's form",
        _V1,
    )


def _kind(kind: str, spec: Spec) -> Iterator[str]:
    yield f"## {kind}"
    yield spec.about
    scope = "of a namespace" if kind in NAMESPACED_KINDS else "for all"
    schema = f"[{kind}.json](../schemas/{kind}.json)"
    yield f"Plural `{PLURALS[kind]}`, {scope}; schema {schema}."
    yield from _fields(spec.schema())
    for pair in spec.either:
        yield f"One of {' and '.join(map(code, pair))} must be there."


def _fields(schema: dict[str, Any]) -> Iterator[str]:
    required = schema.get("required", ())
    rows = [(code(name), _type(each), _about(each, name in required)) for name, each in _flat(schema)]
    yield table(("field", "type", "meaning"), rows)


def _flat(schema: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """The fields, and those of objects below them."""
    for name, each in schema["properties"].items():
        yield f"{prefix}{name}", each
        inner = each.get("items", each)
        if "properties" in inner:
            yield from _flat(inner, f"{prefix}{name}[]." if "items" in each else f"{prefix}{name}.")


def _about(schema: dict[str, Any], required: bool) -> str:
    parts = [schema.get("description", ""), "Required." if required else ""]
    if "default" in schema:
        parts.append(f"Default: {code(schema['default'])}.")
    return " ".join(filter(None, parts))


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        names = [_type(each) for each in schema["anyOf"]]
        return " or ".join(dict.fromkeys(name for name in names if name))
    if "enum" in schema:
        return " or ".join(
            code(each) for each in schema["enum"] if isinstance(each, str | int) and each not in ("", 0)
        )
    kinds = schema.get("type", "")
    kind = next((each for each in kinds if each != "null"), "") if isinstance(kinds, list) else kinds
    if kind == "array":
        return f"list of {_type(schema['items']) or 'anything'}"
    return "" if kind == "null" else kind
