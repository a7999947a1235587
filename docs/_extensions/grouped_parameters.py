"""The parameters of BPClassifier and BPRegressor in groups, each with an anchor.

The docstrings list the parameters group by group, and show the groups in a literal
block. On the pages the block becomes a table whose names are links, each group gets a
heading, and parameters and attributes can be linked to: BPClassifier's ``alpha`` is
``api/generated/skbp.BPClassifier.html#skbp.BPClassifier.alpha``.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes

#: The groups of the parameters of a class: its name -> {group: names}.
GROUPS: dict[str, dict[str, list[str]]] = {}


def add_anchors(owner: str, content: Any) -> dict[str, Any]:
    """Give each parameter and attribute an id; return the entries by name."""
    entries: dict[str, Any] = {}
    for field in content.findall(nodes.field):
        # Not those of methods, whose descriptions are inside that of the class.
        own = field.parent.parent is content
        if not own or field[0].astext() not in ("Parameters", "Attributes"):
            continue
        for item in field.findall(nodes.definition_list_item):
            if item.parent.parent.parent is not field:
                continue
            for name in re.findall(r"\w+", item[0].astext().partition(" : ")[0]):
                identifier = f"{owner}.{name}"
                if identifier not in item[0]["ids"]:
                    item[0]["ids"].append(identifier)
                entries.setdefault(name, item)
            add_link(item)
    return entries


def add_link(item: Any) -> None:
    """Add the sign that shows where a link to an entry leads to."""
    link = nodes.reference("", "#", refuri=f"#{item[0]['ids'][0]}", internal=True)
    link["classes"].append("headerlink")
    item[0] += link


def link_table(owner: str, groups: dict[str, list[str]]) -> Any:
    """Return a table of the groups, whose names are links."""
    table = nodes.table(classes=["parameter-groups"])
    group = nodes.tgroup(cols=2)
    table += group
    group += [nodes.colspec(colwidth=width) for width in (20, 80)]
    body = nodes.tbody()
    group += body
    for title, names in groups.items():
        links = nodes.paragraph()
        for name in names:
            if len(links):
                links += nodes.Text(", ")
            link = nodes.reference(refuri=f"#{owner}.{name}", internal=True)
            link += nodes.literal("", name)
            links += link
        row = nodes.row()
        row += [
            nodes.entry("", nodes.paragraph(text=title)),
            nodes.entry("", links),
        ]
        body += row
    return table


def add_headings(groups: dict[str, list[str]], entries: dict[str, Any]) -> None:
    """Divide the list of parameters: a list with a heading for each group."""
    first = entries[next(iter(groups.values()))[0]]
    old = first.parent
    place = old.parent
    index = place.index(old)
    place.remove(old)
    for title, names in groups.items():
        new = nodes.definition_list(classes=old["classes"])
        new += [entries[name] for name in names]
        heading = nodes.rubric(text=title[0].upper() + title[1:])
        heading["classes"].append("parameter-group")
        place[index:index] = [heading, new]
        index += 2


def group(app: Any, domain: str, objtype: str, content: Any) -> None:
    """Group the parameters of a class that has groups."""
    if (domain, objtype) != ("py", "class"):
        return
    signature = content.parent[0]
    owner = f"{signature['module']}.{signature['fullname']}"
    entries = add_anchors(owner, content)
    groups = GROUPS.get(owner)
    if groups is None:
        return
    for block in list(content.findall(nodes.literal_block)):
        if block.astext().lstrip().startswith(next(iter(groups))):
            block.parent.replace(block, link_table(owner, groups))
    add_headings(groups, entries)


def setup(app: Any) -> dict[str, Any]:
    app.connect("object-description-transform", group)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
