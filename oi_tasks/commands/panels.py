"""The list of commands in `oi --help`: under headings, one line each, and the same on a terminal and in a pipe."""

from typing import Any

from typer.core import TyperGroup

PANELS = ("Local servers", "Profiles and data", "Models", "Champion", "Steps")
OTHER = "Other"


class Panels(TyperGroup):
    """A group whose help lists its commands under the panel that each names."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write a section for each panel."""
        wide = max(map(len, self.commands))
        rows: dict[str, list[tuple[str, str]]] = {panel: [] for panel in (*PANELS, OTHER)}
        for name, command in self.commands.items():
            panel = getattr(command, "rich_help_panel", None)
            said = command.get_short_help_str(formatter.width - 6 - wide)
            rows[panel if panel in PANELS else OTHER].append((name.ljust(wide), said))
        for panel, commands in rows.items():
            if commands:
                with formatter.section(panel):
                    formatter.write_dl(commands)
