"""What the doctor found: one line per thing looked at, with a remedy where it is broken."""

import dataclasses
from typing import Any

OK, NOTE, BROKEN = "ok", "note", "broken"


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: what was looked at.
        state: `"ok"`, `"note"` (works, but see) or `"broken"`.
        found: what was found.
        remedy: what to do; empty if nothing.
    """

    name: str
    state: str
    found: str
    remedy: str = ""

    def as_line(self) -> str:
        """Return the finding as the terminal shows it."""
        remedy = f"; {self.remedy}" if self.remedy else ""
        return f"{self.state:>6}  {self.name}: {self.found}{remedy}."

    def as_json(self) -> dict[str, Any]:
        """Return the finding as a JSON-ready dict."""
        return dataclasses.asdict(self)
