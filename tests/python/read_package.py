"""Says what Python's own zipfile or tarfile finds in an archive, as one JSON array."""

import hashlib
import json
import sys
import tarfile
import zipfile


def from_zip(path):
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        for entry in archive.infolist():
            yield {
                "name": entry.filename,
                "mode": oct(entry.external_attr >> 16),
                # 3 is Unix: only then the mode counts.
                "system": entry.create_system,
                "time": list(entry.date_time),
                "sha256": hashlib.sha256(archive.read(entry)).hexdigest(),
            }


def from_tar(path):
    with tarfile.open(path, "r:gz") as archive:
        for entry in archive:
            assert entry.isfile(), entry.name
            yield {
                "name": entry.name,
                "mode": oct(entry.mode),
                "owner": [entry.uid, entry.gid],
                "time": entry.mtime,
                "sha256": hashlib.sha256(archive.extractfile(entry).read()).hexdigest(),
            }


path = sys.argv[1]
read = from_zip if path.endswith(".zip") else from_tar
json.dump(list(read(path)), sys.stdout)
