"""Where the files that are not Python lie: inside the built wheel, or in the checkout of an editable install."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_CHECKOUT = _PACKAGE.parents[1]


def operator_ui() -> Path:
    """Return the folder of templates, styles and scripts."""
    return _either("operator_ui", _CHECKOUT / "operator_ui")


def sdk() -> Path:
    """Return the folder of the built SDK."""
    return _either("sdk", _CHECKOUT / "client_sdk" / "dist")


def migrations() -> Path:
    """Return Alembic's folder."""
    return _either("migrations", _CHECKOUT / "platform" / "migrations")


def _either(name: str, in_checkout: Path) -> Path:
    packed = _PACKAGE / "_assets" / name
    return packed if packed.is_dir() else in_checkout
