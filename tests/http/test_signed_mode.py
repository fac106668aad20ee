"""docs/signed-mode.md: its examples run, and what they sign is what ingest takes for valid."""

import json
import re
import subprocess
import sys
from datetime import datetime

import pytest

from modori.capture.protection.proofs import GOOD_FOR, judge_proof
from modori.capture.rules import ProofVerdict
from modori.sandbox.node import find_or_install_node
from tests.architecture.lints import CHECKOUT

PAGE = (CHECKOUT / "docs" / "signed-mode.md").read_text()
SECRET, VISITOR, CONTACT = "sgn_秘密-0123456789abcdef", "0123456789abcdef0123456789abcdef", "hanako@example.jp"
SAID = json.dumps([SECRET, VISITOR, CONTACT])


def example(language: str) -> str:
    [found] = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


def run(*command: str) -> dict[str, str]:
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=300, check=True)
    told: dict[str, str] = json.loads(done.stdout)
    return told


@pytest.mark.parametrize("language", ["python", "js"])
def test_an_example_signs_what_ingest_takes(language: str) -> None:
    code = example(language)
    if language == "python":
        proof = run(
            sys.executable, "-c", f"{code}\nimport json\nprint(json.dumps(modori_proof(*json.loads({SAID!r}))))"
        )
    else:
        asked = f"{code}\nconsole.log(JSON.stringify(modoriProof(...{SAID})));"
        proof = run(*find_or_install_node().node, "--input-type=module", "-e", asked)
    assert set(proof) == {"at", "mac"}
    signed_at = datetime.fromisoformat(proof["at"])
    judged = [
        judge_proof(
            [SECRET.encode()],
            visitor=visitor,
            contact=CONTACT,
            at=proof["at"],
            mac=proof["mac"],
            event_at=signed_at + after,
            received_at=signed_at + after,
        )
        for visitor, after in ((VISITOR, GOOD_FOR), (VISITOR[::-1], GOOD_FOR), (VISITOR, 2 * GOOD_FOR))
    ]
    assert judged == [ProofVerdict.VALID, ProofVerdict.WRONG, ProofVerdict.STALE]
