"""What the console is told by the entrypoint that serves it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from modori.calls.desk import Dialler
from modori.channels.wire import Prices


@dataclass(frozen=True)
class SdkRelease:
    """The browser SDK that is served.

    version    as in `/sdk/<version>/modori.js`
    integrity  by script (`modori`, `forms`, `restore`, `debug`) what its tag's `integrity` says: "sha384-…"
    """

    version: str
    integrity: Mapping[str, str]


@dataclass(frozen=True)
class ConsoleConfig:
    """Everything that the console needs from outside; it reads no setting itself.

    public_url  as in MODORI_PUBLIC_URL, without a trailing slash; https outside development
    ui          the folder operator_ui: templates, styles, translations
    dialler     carries an operator's dial
    now         the clock
    sdk_integrity  says which SDK is served; None where none has been built
    event_days     how long events are kept, for the notices
    """

    public_url: str
    ui: Path
    dialler: Dialler = field(repr=False)
    now: Callable[[], datetime]
    sdk_integrity: Callable[[], SdkRelease | None]
    event_days: int = 400

    @property
    def prices(self) -> Prices:
        """What contacts count against clients' months."""
        return self.dialler.prices

    @property
    def is_secure(self) -> bool:
        return self.public_url.startswith("https://")
