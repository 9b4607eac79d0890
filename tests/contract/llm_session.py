"""Learns a window through Mem0 and prints whom this process reached: `python -m tests.contract.llm_session`.

It is a process of its own, as Mem0 reads its environment when it is imported.
"""

import json
import sys
from typing import Any

import psutil

from memory_consumer.extractors import mem0
from memory_consumer.extractors.model.usage import Tally
from memory_consumer.settings import ConsumerSettings
from tests.support.llm_server import llm_server, says
from tests.support.windows import window


def main() -> None:
    """Prints what was learned, where it connected to, what it looked up, and what is open in the end, in order."""
    reached: set[str] = set()

    def watch(event: str, details: tuple[Any, ...]) -> None:
        if event in ("socket.connect", "socket.sendto"):
            reached.add(f"{details[1][0]}:{details[1][1]}")
        elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
            reached.add(f"{details[0]}:{details[1]}")

    sys.addaudithook(watch)
    with llm_server(says({"memory": [{"text": "User drinks tea", "sources": [1]}]})) as server:
        extractor = mem0.build(ConsumerSettings(llm_url=server.url, llm_model="m"), Tally())
        learned = [fact.text for fact in extractor.extract(window("I drink tea"))]
        connections = psutil.Process().net_connections(kind="inet")
        reached |= {str(each) for each in connections if server.server_port not in each.laddr + each.raddr}
        keys = [each["headers"]["authorization"] for each in server.asked]
        extractor.close()
        said = {
            "learned": learned,
            "keys": keys,
            "elsewhere": sorted(reached - {f"127.0.0.1:{server.server_port}"}),
        }
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main()
