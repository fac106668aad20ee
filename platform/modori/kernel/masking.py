"""How personal values look where nobody has asked to see them (G13)."""

DOTS = "•••"


def mask_email(address: str) -> str:
    """Show the first letter before and after the @, and the last label: t•••@e•••.jp."""
    local, _, domain = address.rpartition("@")
    name, dot, last = domain.rpartition(".")
    return f"{local[:1]}{DOTS}@{name[:1]}{DOTS}{dot}{last}"


def mask_phone(e164: str) -> str:
    """Show the prefix and the last four digits: 090••••5678, and +1••••4567 abroad."""
    if e164.startswith("+81"):
        national = "0" + e164.removeprefix("+81")
        return f"{national[:3]}••••{national[-4:]}" if len(national) > 9 else f"{national[:2]}••••"
    return f"{e164[:2]}••••{e164[-4:]}" if len(e164) > 8 else f"{e164[:2]}••••"


def mask_line(user_id: str) -> str:
    """Show the first letter and the last four of a LINE user id."""
    return f"{user_id[:1]}{DOTS}{user_id[-4:]}" if len(user_id) > 8 else DOTS


def mask_name(name: str) -> str:
    """Show the first character: 山•••."""
    return f"{name.strip()[:1]}{DOTS}" if name.strip() else ""
