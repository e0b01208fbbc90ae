"""Put settings into an env file: `NAME=value` lines come on standard input, so that no secret is an argument.

An empty value is left out. A name that is set keeps its line; only one that is nowhere set takes the place of its
comment. The file is replaced in one step and keeps its owner and mode. Standard library only."""

import os
import sys
from pathlib import Path


def name_in(line: str) -> str:
    """The setting that a line or its comment is about; empty for a sentence."""
    name, equals, _ = line.lstrip("# ").partition("=")
    return name.removeprefix("export ").strip() if equals else ""


def main() -> None:
    path = Path(sys.argv[1])
    wanted = dict(line.rstrip("\n").split("=", 1) for line in sys.stdin if "=" in line)
    wanted = {name: value for name, value in wanted.items() if value}
    lines = path.read_text().splitlines()
    places = {name_in(line): at for at, line in enumerate(lines) if line.startswith("#")}
    places |= {
        name_in(line): at for at, line in enumerate(lines) if not line.lstrip().startswith("#")
    }  # the last one counts
    for name, value in wanted.items():
        if name in places:
            lines[places[name]] = f"{name}={value}"
        else:
            lines.append(f"{name}={value}")
    before = path.stat()
    scratch = path.with_name(f"{path.name}.new")
    handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, before.st_mode & 0o777)
    with os.fdopen(handle, "w") as out:
        out.write("\n".join(lines) + "\n")
        out.flush()
        os.fsync(out.fileno())
    os.chown(scratch, before.st_uid, before.st_gid)
    scratch.replace(path)


if __name__ == "__main__":
    main()
