"""Prints the libraries that are linked into the command, with their licences: each text once, below those that have it."""

import collections
import json
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
PREFIXES = ("license", "licence", "copying", "copyright", "notice", "unlicense")


def cargo(*arguments):
    """Standard output of a call of cargo in the workspace."""
    call = subprocess.run(["cargo", *arguments], cwd=ROOT, check=True, capture_output=True, text=True)
    return call.stdout


def linked():
    """Names and versions of the packages that the command is made of, without those that only build it."""
    tree = cargo("tree", "--locked", "-p", "lexivec-cli", "-e", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}")
    return {tuple(line.split()[:2]) for line in tree.splitlines() if line}


def texts(package):
    """Texts of the licence files of a package."""
    folder = pathlib.Path(package["manifest_path"]).parent
    files = sorted(path for path in folder.iterdir() if path.name.lower().startswith(PREFIXES) and path.is_file())
    return [path.read_text(errors="replace").strip() for path in files]


def main():
    """Writes the notices to standard output."""
    wanted = linked()
    packages = json.loads(cargo("metadata", "--locked", "--format-version", "1"))["packages"]
    chosen = [p for p in packages if (p["name"], "v" + p["version"]) in wanted and p["source"]]
    owners = collections.defaultdict(list)
    print("Libraries that are linked into lexivec, and the licences that their authors declare.\n")
    for package in sorted(chosen, key=lambda p: (p["name"], p["version"])):
        name = f"{package['name']} {package['version']}"
        print(f"{name}: {package['license'] or 'see its text'}")
        for text in texts(package):
            owners[text].append(name)
    for text, names in owners.items():
        print(f"\n{'-' * 80}\n{', '.join(names)}\n\n{text}")


if __name__ == "__main__":
    main()
