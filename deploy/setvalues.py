"""Put settings into an env file: `NAME=value` lines come on standard input, so that no secret is an argument.

An empty value is left out. The file is replaced in one step and keeps its owner and mode. Standard library only.
"""

import os
import sys
from pathlib import Path


def main() -> None:
    path = Path(sys.argv[1])
    wanted = dict(line.rstrip("\n").split("=", 1) for line in sys.stdin if "=" in line)
    wanted = {name: value for name, value in wanted.items() if value}
    lines = []
    for line in path.read_text().splitlines():
        name = line.lstrip("#").partition("=")[0].strip()
        lines.append(f"{name}={wanted.pop(name)}" if "=" in line and name in wanted else line)
    lines += [f"{name}={value}" for name, value in wanted.items()]
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
