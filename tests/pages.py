"""A report as its parts: what a browser finds in it, what its script reads, and the numbers of its tiles."""

import base64
import json
import zlib
from html.parser import HTMLParser
from pathlib import Path


class Page(HTMLParser):
    """A written report."""

    def __init__(self, path):
        super().__init__()
        self.found, self.links, self.data, self.tiles, self.shown = [], [], {}, {}, {}
        self._in, self._key, self._is_value = None, None, False
        self.text = Path(path).read_text(encoding="utf-8")
        self.feed(self.text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.found.append(tag)
        self.links += [attributes[name] for name in ("src", "href", "action") if name in attributes]
        self._in = attributes.get("id", "") if tag == "script" else None
        if attributes.get("data-raw") and "data-key" in attributes:
            self._key = attributes["data-key"]
            self.tiles[self._key] = float(attributes["data-raw"])
        self._is_value = attributes.get("class") == "value"

    def handle_endtag(self, tag):
        self._in = None

    def handle_data(self, text):
        if self._is_value and self._key:
            self.shown[self._key] = text
            self._is_value = False
        if self._in and self._in.startswith("data-") and self._in != "data-library":
            self.data[self._in.removeprefix("data-")] = json.loads(zlib.decompress(base64.b64decode(text)))
