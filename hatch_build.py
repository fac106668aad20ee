"""Put what is not Python into the built wheel: the console's templates, the SDK build and the migrations."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ASSETS = {
    "operator_ui": "modori/_assets/operator_ui",
    "client_sdk/dist": "modori/_assets/sdk",
    "platform/migrations": "modori/_assets/migrations",
}


class AssetsHook(BuildHookInterface):  # type: ignore[type-arg]  # hatchling's own class is generic over its config
    """An editable install reads the folders in place, so only a real wheel carries them."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "standard":
            build_data["force_include"].update(ASSETS)
