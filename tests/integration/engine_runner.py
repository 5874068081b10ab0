"""A supervisor in a process of its own, to be killed by tests: engine_runner.py DATA READY_FILE [UID].

With UID it first becomes that user, as if an ordinary user had started it. Writes URLs and pids to READY_FILE.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from singlewindow.engines.child import Child
from singlewindow.engines.embedded import data_dir_held, prepare_engines
from singlewindow.engines.supervisor import Supervisor
from singlewindow.errors import ConfigurationError


def run(data_dir: Path, ready_file: Path) -> None:
    with data_dir_held(data_dir):
        prepared = prepare_engines(data_dir)
        with Supervisor([prepared.children], log_dir=data_dir / "log") as supervisor:
            supervisor.start()
            supervisor.add(Child(name="worker", argv=("/bin/sleep", "600")))
            found = {"database_url": prepared.urls.database_url, "redis_url": prepared.urls.redis_url}
            unfinished = ready_file.with_suffix(".unfinished")
            unfinished.write_text(json.dumps(found | {"pids": supervisor.pids()}))
            unfinished.rename(ready_file)
            supervisor.run_until_stopped()


if __name__ == "__main__":
    if len(sys.argv) > 3:
        os.setgroups([])
        os.setgid(int(sys.argv[3]))
        os.setuid(int(sys.argv[3]))
    try:
        run(Path(sys.argv[1]), Path(sys.argv[2]))
    except ConfigurationError as error:
        sys.exit(error.detail)
