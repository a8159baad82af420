"""`remithub inventory`: who talks to whom at this site, and what the hub is made of."""

from pathlib import Path

__all__ = ["inventory"]

_COLUMNS = {"name": "Name", "way": "Way", "by": "By", "at": "At", "carries": "Carries"}


def inventory(
    *, diagram: bool = False, sbom: bool = False, root: Path = Path(), json: bool = False
) -> int:
    """List every connection of this site by its configuration: partners, callers, the store.

    Parameters
    ----------
    diagram
        Print them as a flow chart (Mermaid).
    sbom
        Print the packages that the hub runs with instead (CycloneDX 1.6, JSON).
    root
        The hub's folder.
    json
        Print JSON.
    """
    import os

    from gateway.cli import flows
    from gateway.cli.materials import bill_of_materials
    from gateway.cli.output import Output
    from gateway.cli.version import installed
    from gateway.cli.wording import columns
    from gateway.settings import read_config

    output = Output(json=json)
    if sbom:
        output.data(bill_of_materials())
        return 0
    config = read_config(root / "config", os.environ)
    found = flows.connections(config)
    if diagram:
        output.line(flows.diagram(found))
    elif json:
        output.data({"remithub": installed(), "tenant": config.hub.tenant, "connections": found})
    else:
        rows = [
            {
                "name": one.name,
                "way": "in" if one.target == flows.HUB else "out",
                "by": one.by,
                "at": one.at,
                "carries": " ".join(one.carries),
            }
            for one in found
        ]
        output.table(columns(_COLUMNS), rows)
    return 0
