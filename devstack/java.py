"""What Kafka and Kafka Connect have in common: Java, its memory, its log."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from devstack import files

_LOG = """\
status=error
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{ISO8601} %p %c{1}: %m%n
rootLogger.level=warn
rootLogger.appenderRef.out.ref=out
"""


def command(
    classpath: str, folder: Path, heap_mb: int, main: str, *arguments: str, options: Sequence[str] = ()
) -> list[str]:
    """How to run a class of the jars; its log settings are written into the folder."""
    log = folder / "log4j2.properties"
    files.replace(log, _LOG)
    return [
        "java",
        f"-Xmx{heap_mb}m",
        "-XX:+UseSerialGC",
        "-XX:+ExitOnOutOfMemoryError",
        "-Djava.awt.headless=true",
        f"-Dlog4j2.configurationFile={log.as_uri()}",
        *options,
        "-cp",
        classpath,
        main,
        *arguments,
    ]


def write_properties(path: Path, values: Mapping[str, object]) -> None:
    """Writes a properties file that only its owner reads, in the escapes that Java expects."""
    files.replace(path, "".join(f"{name}={_escaped(str(value))}\n" for name, value in values.items()))


def _escaped(value: str) -> str:
    units = value.replace("\\", "\\\\").encode("utf-16-be")
    codes = (int.from_bytes(units[at : at + 2]) for at in range(0, len(units), 2))
    return "".join(chr(code) if 0x20 <= code < 0x7F else f"\\u{code:04x}" for code in codes)  # noqa: PLR2004  ASCII
