"""Check a built site without a network: `python scripts/check_site.py site`.

Every link to a page, an anchor or a file of the site must lead there, every picture needs a text
for those who do not see it, and no page may fetch anything (script, style, font, picture, frame)
from another machine. Links that a reader may click to other sites are not followed.
"""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

__all__ = ["Reader", "faults"]

FETCHED = {"img": "src", "script": "src", "iframe": "src", "source": "src", "object": "data"}


class Reader(HTMLParser):
    """What one page links to, fetches and can be linked at.

    >>> reader = Reader()
    >>> reader.feed('<h2 id="a">A</h2><a href="other/#b">B</a><img src="c.png">')
    >>> reader.anchors, reader.links, reader.fetched, reader.unseen
    ({'a'}, ['other/#b'], ['c.png'], ['c.png'])
    """

    def __init__(self) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.unseen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag links to, fetches or names."""
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[name] for name in ("id", "name") if values.get(name)}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if tag == "link" and values.get("rel") not in ("canonical", "next", "prev", "alternate"):
            self.fetched.append(values.get("href", ""))
        if values.get(FETCHED.get(tag, "")):
            self.fetched.append(values[FETCHED[tag]])
        if tag == "img" and not values.get("alt", "").strip():
            self.unseen.append(values.get("src", ""))


def faults(site: Path) -> list[str]:
    """Return a line for everything that is wrong with a built site."""
    pages = {}
    for path in sorted(site.rglob("*.html")):
        pages[path.resolve()] = reader = Reader()
        reader.feed(path.read_text(encoding="utf-8"))
    found = [] if pages else [f"{site} has no page: build it first (make docs)"]
    for path, reader in pages.items():
        name = path.relative_to(site.resolve())
        found += [f"{name}: a picture without a text: {source}" for source in reader.unseen]
        for target in reader.links + reader.fetched:
            url = urlsplit(target)
            if url.scheme or url.netloc:
                if target in reader.fetched and url.scheme != "data":
                    found.append(f"{name} fetches {target}")
                continue
            base = site.resolve() if url.path.startswith("/") else path.parent
            wanted = (base / unquote(url.path).lstrip("/")).resolve() if url.path else path
            if wanted.is_dir():
                wanted /= "index.html"
            if path.name == "404.html":
                continue  # served at any depth, so its links are absolute to the site's address
            if not wanted.is_file():
                found.append(f"{name} links to {target}, and there is no such file")
            elif url.fragment and unquote(url.fragment) not in pages[wanted].anchors:
                found.append(f"{name} links to {target}, and there is no such anchor")
    for style in sorted(site.rglob("*.css")):
        for target in re.findall(r"url\(\s*[\"']?(https?:)?//", style.read_text(encoding="utf-8")):
            found.append(f"{style.relative_to(site)} fetches from {target or ''}//...")
    return found


def main(arguments: list[str]) -> int:
    site = Path(arguments[0] if arguments else "site")
    found = faults(site)
    for line in found:
        print(f"error: {line}", file=sys.stderr)
    if not found:
        print(f"{site}: {len(list(site.rglob('*.html')))} pages; every link leads somewhere")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
