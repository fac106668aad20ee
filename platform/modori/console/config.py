"""What the console is told by the entrypoint that serves it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class ConsoleConfig:
    """Everything that the console needs from outside; it reads no setting itself.

    public_url  as in MODORI_PUBLIC_URL, without a trailing slash; https outside development
    ui          the folder operator_ui: templates, styles, translations
    redis_url   where hints for live pages are heard
    voice       carries an operator's dial
    now         the clock
    """

    public_url: str
    environment: str
    ui: Path
    redis_url: str
    voice: Any
    now: Callable[[], datetime]

    @property
    def is_secure(self) -> bool:
        return self.public_url.startswith("https://")
