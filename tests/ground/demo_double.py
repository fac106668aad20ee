"""Run the demo's own supervisor over programs that cost nothing.

python demo_double.py PROJECT WEB,SHOP,WORLD,SMTP [crash] [reseed] [reload] [broken-seed]
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from modori.entrypoints.demo import Demo, Ports
from modori.entrypoints.demo_story import DemoUrls
from modori.entrypoints.demo_supervisor import Program

PREPARE = """
import sys
from pathlib import Path
from modori.entrypoints.demo_story import DemoStory, Login
known = DemoStory.read(Path(sys.argv[1]))
print("prepared again" if known else "prepared anew", flush=True)
story = known or DemoStory("pk_double", "sk_double", "acme", {"operator": Login("op@acme.example", "word")})
story.write(Path(sys.argv[1]))
"""

SERVE = """
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""

# A program with a child of its own, as the demo has.
PARENT = """
import signal, subprocess, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
try:
    child.wait()
finally:
    child.kill()
"""
CRASH = "raise SystemExit('the double broke')"


def prepare(story_file: Path) -> Sequence[str | Path]:
    return (sys.executable, "-c", CRASH if "broken-seed" in sys.argv else PREPARE, story_file)


def programs(urls: DemoUrls) -> Sequence[Program]:
    def python(name: str, code: str, *arguments: str, ready: tuple[str, ...] = ()) -> Program:
        return Program(name, (sys.executable, "-c", code, *arguments), ready)

    web_port = urls.web.rpartition(":")[2]
    worker = CRASH if "crash" in sys.argv else PARENT
    return (python("web", SERVE, web_port, ready=(f"{urls.web}/readyz",)), python("worker", worker))


if __name__ == "__main__":
    ports = Ports(*map(int, sys.argv[2].split(",")))
    demo = Demo(Path(sys.argv[1]), prepare=prepare, programs=programs, wanted=ports)
    sys.exit(demo.run(reseed="reseed" in sys.argv, reload="reload" in sys.argv))
