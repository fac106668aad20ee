"""Print the ten largest files; one over 400 lines (a template over 150) wants a reason."""

from tests.architecture.lints import CHECKOUT

FOLDERS = {"platform": (".py",), "operator_ui": (".html", ".css", ".js", ".j2", ".jinja"), "client_sdk/src": (".ts",)}
FOLDERS["tests"] = (".py",)


def main() -> None:
    sizes = [
        (len(path.read_bytes().splitlines()), path.relative_to(CHECKOUT))
        for folder, endings in FOLDERS.items()
        for path in (CHECKOUT / folder).rglob("*")
        if path.suffix in endings and not {"vendor", "versions"} & set(path.parts)
    ]
    print("the ten largest files, in lines:")
    for lines, path in sorted(sizes, reverse=True)[:10]:
        print(f"{lines:6}  {path}")


if __name__ == "__main__":
    main()
