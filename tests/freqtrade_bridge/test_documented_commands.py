"""Every command that the documents show is one that the parser takes, or stands in a list that says who runs it.

What the parser takes is run, option by option, by `test_every_option.py`.
"""

import re
import shlex
from pathlib import Path

import pytest

from candlegraph.freqtrade_bridge.commands.parser import parser

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "README.zh-CN.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"^ {4}((?:candlegraph|python|make) .+)$", re.MULTILINE)
INLINE = re.compile(r"`(candlegraph [^`\n]+)`")
BEFORE = re.compile(r"^(?:docker compose exec candlegraph )?(?:\S+/)?(?=candlegraph )")
STANDS_FOR = {"TIME": "2025-06-12T09:30", "N": "5", "PAIR": "BTC/USDT:USDT"}
PATTERN = re.compile(r"[\[\]…|]|\bCOMMAND\b")
"""What is no command line but the form of one."""
OTHERS = {}


def lines_of(page):
    """Yield the command lines of a page: whole, without their remarks."""
    text = page.read_text(encoding="utf-8")
    for block in BLOCK.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            if told := re.sub(r"(^|\s)#.*", "", line).strip():
                yield told
    for line in (*INDENTED.findall(text), *INLINE.findall(text)):
        if not PATTERN.search(line):
            yield re.sub(r"\s#.*", "", line).strip()


EACH = sorted({BEFORE.sub("", line) for page in PAGES for line in lines_of(page)})
OURS = [line for line in EACH if line.startswith("candlegraph ")]
if __name__=="__main__":
    import contextlib,io
    for l in EACH:
        if l not in OURS: print("OTHER", l)
    whole=parser()
    for l in OURS:
        words=[STANDS_FOR.get(w,w) for w in shlex.split(l)[1:]]
        err=io.StringIO()
        with contextlib.redirect_stderr(err), contextlib.redirect_stdout(io.StringIO()):
            try: whole.parse_args(words)
            except SystemExit as e:
                if e.code: print("BAD",l,"|",err.getvalue().splitlines()[-1], file=__import__('sys').stdout) if False else BADS.append((l,err.getvalue().splitlines()[-1])) if 'BADS' in globals() else globals().__setitem__('BADS',[(l,err.getvalue().splitlines()[-1])])
    for b in globals().get('BADS',[]): print("BAD",*b)
    print(len(OURS))
