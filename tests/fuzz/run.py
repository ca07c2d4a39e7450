#!/usr/bin/env python3
"""Runs the fuzzers, two at a time.

usage: run.py [SECONDS] [TARGET...]     each target that many seconds (default 600)
       run.py --merge [TARGET...]       makes tests/fuzz/corpus anew, as small as covers the same
       run.py --table                   what was run so far, as docs/fuzzing.md shows it

Everything that is found goes to build/fuzz: corpus/TARGET, findings/, results.json. Ends with 1 when something was found.
"""
import argparse
import glob
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
HERE = os.path.join(TOP, "tests/fuzz")
VECTORS = os.path.join(TOP, "tests/vectors")
BUILD = os.environ.get("BOOTSEAL_BUILD", os.path.join(TOP, "build/fuzz"))
PROGRAMS = os.path.join(BUILD, "tests/fuzz")
RESULTS = os.path.join(BUILD, "results.json")

AT_ONCE = 2
TIMEOUT = 10  # seconds for one input
RSS_MB = 1024
MALLOC_MB = 64  # no decoder asks for more at once, whatever a length says

# What of a corpus is committed, at most.
CORPUS_BYTES = 16384
CORPUS_FILES = 40

# Bytes of an input at most; inputs that are logs or images need more than messages do.
LARGEST = {"eventlog": 16384, "evidence": 16384, "image": 16384, "splice": 16384, "judge": 16384, "userlog": 16384, "evidence_file": 16384, "wire": 2048, "generated": 1100}
LARGEST_ELSE = 8192

# Files of tests/vectors that are inputs as they are.
VECTORS_OF = {
    "eventlog": ["eventlogs/*.bin"],
    "message": [f"messages/{kind}*.cbor" for kind in ("statement", "attest", "prove", "confirm", "answer")],
    "bundle": ["messages/bundle-payload*.cbor", "messages/wipe-payload.cbor", "messages/approvals.cbor"],
    "sealed": ["messages/*-sign1.cbor", "messages/bundle-encrypt0.cbor"],
    "cert": ["cert/*.pem", "ek/*.pem", "ek/*.der", "messages/*.pem", "messages/*.der", "pcrsig/*.pem"],
    "json": ["pcrsig/*.json", "messages/wipe-payload.json"],
    "slot": ["messages/approvals.cbor", "pcrsig/*.json"],
    "evidence": ["messages/attest.cbor"],
    "evidence_file": ["eventlogs/*.bin"],
}


def targets():
    return sorted(os.path.basename(p)[5:-2] for p in glob.glob(os.path.join(HERE, "fuzz_*.c")))


def program(target):
    path = os.path.join(PROGRAMS, f"fuzz_{target}")
    if not os.access(path, os.X_OK):
        sys.exit(f"{path} is not built: ./dev fuzz builds it")
    return path


def commit():
    def git(*arguments):
        return subprocess.run(["git", "-C", TOP, *arguments], capture_output=True, text=True, check=True).stdout.strip()
    return git("rev-parse", "--short=10", "HEAD") + ("+" if git("status", "--porcelain", "--untracked-files=no") else "")


def gather_seeds():
    """build/fuzz/seeds: what fuzz_seeds makes and what lies in tests/vectors."""
    seeds = os.path.join(BUILD, "seeds")
    shutil.rmtree(seeds, ignore_errors=True)
    os.makedirs(seeds)
    subprocess.run([os.path.join(PROGRAMS, "fuzz_seeds"), seeds], check=True, stdout=subprocess.DEVNULL)
    for target, patterns in VECTORS_OF.items():
        folder = os.path.join(seeds, target)
        os.makedirs(folder, exist_ok=True)
        for pattern in patterns:
            for path in glob.glob(os.path.join(VECTORS, pattern)):
                shutil.copy(path, os.path.join(folder, os.path.basename(path)))


def folders(target, *more):
    """Of inputs; libFuzzer wants them to be there."""
    result = [*more, os.path.join(HERE, "corpus", target), os.path.join(BUILD, "seeds", target)]
    for folder in result[:len(more)]:
        os.makedirs(folder, exist_ok=True)
    return [f for f in result if os.path.isdir(f)]


def limits(target):
    return [f"-max_len={LARGEST.get(target, LARGEST_ELSE)}", f"-timeout={TIMEOUT}", f"-rss_limit_mb={RSS_MB}",
            f"-malloc_limit_mb={MALLOC_MB}"]


def dictionary(target):
    path = os.path.join(HERE, f"{target}.dict")
    return [f"-dict={path}"] if os.path.exists(path) else []


def last(pattern, text):
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


lock = threading.Lock()
running = set()


def run_one(target, seconds, version):
    findings = os.path.join(BUILD, "findings")
    os.makedirs(findings, exist_ok=True)
    before = set(os.listdir(findings))
    log = os.path.join(BUILD, f"{target}.log")
    command = [program(target), *limits(target), *dictionary(target), f"-max_total_time={seconds}", "-print_final_stats=1",
               "-reload=0", f"-artifact_prefix={findings}/{target}-",
               *folders(target, os.path.join(BUILD, "corpus", target))]
    begin = time.monotonic()
    with open(log, "w", encoding="utf-8", errors="replace") as out:
        child = subprocess.Popen(["nice", *command], stdout=out, stderr=out, stdin=subprocess.DEVNULL)
        with lock:
            running.add(child)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        with lock:
            running.discard(child)
    with open(log, encoding="utf-8", errors="replace") as file:
        text = file.read()
    found = sorted(name for name in set(os.listdir(findings)) - before if name.startswith(target + "-"))
    result = {
        "target": target,
        "commit": version,
        "seconds": round(time.monotonic() - begin),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime),
        "executions": last(r"stat::number_of_executed_units:\s*(\d+)", text) or last(r"^#(\d+)\s", text),
        "edges": last(r"cov: (\d+)", text),
        "peak_rss_mb": last(r"stat::peak_rss_mb:\s*(\d+)", text),
        "corpus": len(os.listdir(os.path.join(BUILD, "corpus", target))),
        "findings": found,
        "failed": child.returncode != 0,
    }
    report(result, log, text)
    return result


def report(result, log, text):
    with lock:
        print("%-14s %4d s %11d executions %6d edges %5d inputs  %s" %
              (result["target"], result["seconds"], result["executions"], result["edges"], result["corpus"],
               "FOUND SOMETHING" if result["failed"] else "nothing found"), flush=True)
        if result["failed"]:
            for line in re.findall(r"^.*(?:does not hold:|ERROR: |runtime error:|SUMMARY: ).*$", text, re.M)[:4]:
                print(f"    {line.strip()[:160]}")
            print(f"    details: {log}")
            for name in result["findings"]:
                print(f"    again: {program(result['target'])} {os.path.join(BUILD, 'findings', name)}", flush=True)
        results = read_results()
        results.append(result)
        with open(RESULTS + ".new", "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)
        os.replace(RESULTS + ".new", RESULTS)


def read_results():
    if not os.path.exists(RESULTS):
        return []
    with open(RESULTS, encoding="utf-8") as file:
        return json.load(file)


def run(seconds, names):
    gather_seeds()
    version = commit()
    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            results = list(pool.map(lambda name: run_one(name, seconds, version), names))
    except KeyboardInterrupt:
        for child in running:
            child.terminate()
        raise
    return 1 if any(r["failed"] for r in results) else 0


def features_of(control):
    """{path: features} out of libFuzzer's notes on a merge."""
    with open(control, encoding="utf-8", errors="replace") as file:
        lines = file.read().split("\n")
    paths = lines[2:2 + int(lines[0])]
    found = {}
    for line in lines[2 + len(paths):]:
        words = line.split()
        if words[:1] == ["FT"]:
            found[paths[int(words[1])]] = frozenset(words[2:])
    return found


def smallest_cover(found):
    """Paths, at each step the one with most features that are new for a byte, until CORPUS_BYTES are spent."""
    chosen, seen, spent = [], set(), 0
    left = dict(found)
    while left:
        def worth(path):
            return len(left[path] - seen) / (os.path.getsize(path) + 64)
        best = max(sorted(left), key=worth)
        size = os.path.getsize(best)
        if not left[best] - seen or len(chosen) == CORPUS_FILES:
            break
        if spent + size <= CORPUS_BYTES:
            chosen.append(best)
            spent += size
            seen |= left[best]
        del left[best]
    return chosen


def merge(names):
    gather_seeds()
    for target in names:
        corpus = os.path.join(HERE, "corpus", target)
        fresh, control = os.path.join(BUILD, "merge", target), os.path.join(BUILD, "merge", f"{target}.control")
        shutil.rmtree(fresh, ignore_errors=True)
        os.makedirs(fresh)
        if os.path.exists(control):
            os.remove(control)
        subprocess.run(["nice", program(target), "-set_cover_merge=1", f"-merge_control_file={control}", *limits(target), fresh,
                        *folders(target, os.path.join(BUILD, "corpus", target))],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # What found something once stays, whatever it covers.
        new = {}
        for path in smallest_cover(features_of(control)) + glob.glob(os.path.join(corpus, "found-*")):
            name = os.path.basename(path)
            with open(path, "rb") as file:
                data = file.read()
            new[name if name.startswith("found-") else hashlib.sha256(data).hexdigest()[:12]] = data
        shutil.rmtree(corpus, ignore_errors=True)
        os.makedirs(corpus)
        for name, data in new.items():
            with open(os.path.join(corpus, name), "wb") as file:
                file.write(data)
        print(f"{target:14} {len(new):5} inputs {sum(map(len, new.values())):8} bytes", flush=True)
    return 0


def table():
    """Of each target its longest run on the newest commit that it was run on."""
    newest = {}
    for result in read_results():
        old = newest.get(result["target"])
        if not old or old["commit"] != result["commit"] or result["seconds"] >= old["seconds"]:
            newest[result["target"]] = result
    print("| target | minutes | of processor | executions | edges | found | commit |")
    print("|---|---|---|---|---|---|---|")
    for target in sorted(newest):
        r = newest[target]
        print("| `%s` | %.1f | %.1f | %s | %d | %s | %s |" %
              (target, r["seconds"] / 60, r["cpu_seconds"] / 60, f"{r['executions']:,}", r["edges"],
               "something" if r["failed"] else "nothing", r["commit"]))
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--merge", action="store_true")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("words", nargs="*", metavar="SECONDS|TARGET")
    arguments = parser.parse_args()
    words = list(arguments.words)
    seconds = int(words.pop(0)) if words and words[0].isdigit() else 600
    unknown = sorted(set(words) - set(targets()))
    if unknown:
        sys.exit(f"no such target: {', '.join(unknown)}; there are {' '.join(targets())}")
    names = words or targets()
    if arguments.table:
        return table()
    return merge(names) if arguments.merge else run(seconds, names)


if __name__ == "__main__":
    sys.exit(main())
