"""Hooks of mkdocs: what makes pages of the site from a checkout that a code host can show, too.

Pages outside docs/ (README and others, named in mkdocs.yml) and the executed notebooks of
docs/tutorials become pages without a copy of either. Links are written for the checkout, relative
to their own file; here those to pages, to notebooks and to files that are no page at all are led to
where the site has them: files that are no page to `repo_url`, or, without one, nowhere.
"""

from __future__ import annotations

import base64
import json
import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
FENCE = re.compile(r"^\s*(```|~~~)")
CODE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Let the nav name notebooks as the checkout does, and mkdocs as the pages they become."""

    def renamed(item):
        if isinstance(item, dict):
            return {title: renamed(entry) for title, entry in item.items()}
        if isinstance(item, list):
            return [renamed(entry) for entry in item]
        return page_of_notebook(item)

    config.nav = renamed(config.nav)
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie outside docs/, and the notebooks as pages with their pictures."""
    for source, page in config.extra["pages_outside_docs"].items():
        text = (root(config) / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=text))
    for notebook in [file for file in files if file.src_uri.endswith(".ipynb")]:
        text, pictures = page_and_pictures(notebook)
        files.append(File.generated(config, page_of_notebook(notebook.src_uri), content=text))
        for name, content in pictures.items():
            files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead the links of a page to where the site has what they name."""
    lines, fenced = [], False
    for line in markdown.splitlines():
        if FENCE.match(line):
            fenced = not fenced
        elif not fenced and not line.startswith("    "):
            spans = [match.span() for match in CODE.finditer(line)]
            line = LINK.sub(
                lambda link, spans=spans: (
                    link[0]
                    if any(start < link.start() < end for start, end in spans)
                    else led(link, page.file.src_uri, config, files)
                ),
                line,
            )
        lines.append(line)
    return "\n".join(lines) + "\n"


def root(config: MkDocsConfig) -> Path:
    return Path(config.config_file_path).parent


def page_of_notebook(source: str) -> str:
    return source.removesuffix(".ipynb") + ".md" if source.endswith(".ipynb") else source


def led(link: re.Match[str], page: str, config: MkDocsConfig, files: Files) -> str:
    """Return one link as the site needs it; raise if its file is not in the checkout."""
    picture, text, target = link.groups()
    path, _, anchor = target.partition("#")
    if not path or re.match(r"[a-z]+:", target):
        return link[0]
    outside = config.extra["pages_outside_docs"]
    source = next((name for name, uri in outside.items() if uri == page), f"docs/{page}")
    here = posixpath.normpath(posixpath.join(posixpath.dirname(page), path))
    if page_of_notebook(here) == page or (picture and files.get_file_from_path(here)):
        return link[0]  # the notebook of this page itself, or a picture of it
    wanted = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
    if not (root(config) / wanted).exists():
        raise PluginError(f"{source} links to {target}, and there is no {wanted}")
    uri = outside.get(wanted) or page_of_notebook(wanted.removeprefix("docs/"))
    if (wanted in outside or wanted.startswith("docs/")) and files.get_file_from_path(uri):
        relative = posixpath.relpath(uri, posixpath.dirname(page) or ".")
        return f"{picture}[{text}]({relative}{'#' + anchor if anchor else ''})"
    if config.repo_url:
        return f"{picture}[{text}]({config.repo_url.rstrip('/')}/blob/main/{wanted})"
    named = posixpath.basename(wanted) in text
    return text if named else f"{text} (`{wanted}`)"


def page_and_pictures(notebook: File) -> tuple[str, dict[str, bytes]]:
    """Return an executed notebook as Markdown, and its pictures by their path in docs/."""
    name = posixpath.splitext(posixpath.basename(notebook.src_uri))[0]
    folder = posixpath.dirname(notebook.src_uri)
    parts, pictures = [], {}
    for cell in json.loads(notebook.content_string)["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        parts.append(f"```python\n{source}\n```")
        for output in cell["outputs"]:
            data = output.get("data", {})
            if output["output_type"] == "stream":
                parts.append(f"```text\n{''.join(output['text']).rstrip()}\n```")
            elif "image/png" in data:
                picture = f"{name}-{len(pictures) + 1}.png"
                pictures[posixpath.join(folder, picture)] = base64.b64decode(data["image/png"])
                parts.append(f"![{cell['metadata']['alt']}]({picture})")
            elif "text/plain" in data:
                parts.append(f"```text\n{''.join(data['text/plain'])}\n```")
            else:
                raise PluginError(f"{notebook.src_uri} has an output that no page shows: {output}")
    parts.append(
        f"[This page as a notebook, as it was run]({name}.ipynb). Its source is "
        f"`docs/tutorials/{name}.py`; `make tutorials` runs it."
    )
    return "\n\n".join(parts) + "\n", pictures
