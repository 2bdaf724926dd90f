"""The page in a real browser: no error, by keyboard, its files, its seeds, hostile names."""

import csv
import io
import json
import re
import struct
from xml.etree import ElementTree

import pytest

from quantum_latents.report import write_report
from quantum_latents.results import RowStore

KEPT = ("l1_to_integer", "energy_distance")
LADDER = {
    "properties": [{"name": "means", "label": "mean occupancies"}, {"name": "all", "label": "all"}],
    "of": {"quantum": {"means": "full", "all": "full"}, "distinguishable": {"means": "part"}},
}


def _slim(rows):
    for row in rows:
        row["preview"] = None
        row["curves"] = {name: row["curves"][name] for name in ("step", "wasserstein")}
        row["stack"] = {"size": 8, "place": row["spec"]["seed"] % 8, "kernel": "numba"}
        row["metrics"] = {name: entry for name, entry in row["metrics"].items() if name in KEPT}
    return rows


STUDY = {
    "schema": 1,
    "study": "table1",
    "reference": "quantum",
    "primary_metrics": [*KEPT],
    "ladder": LADDER,
    "num_runs": 48,
}


def _written(folder, rows, **changes):
    store = RowStore(folder)
    for row in rows:
        store.append(row)
    (folder / "study.json").write_text(json.dumps(STUDY | changes))
    return write_report(folder)


@pytest.fixture(scope="module")
def made(browser, tmp_path_factory, rows):
    """Two data sets, four latents, two metrics, six seeds, one run diverged."""
    found = _slim(rows(seeds=6, diverged={("gaussian", "mixture", 3)}))
    return _written(tmp_path_factory.mktemp("page") / "study", found)


@pytest.fixture
def page(browser, made):
    """The page, opened."""
    browser.show(1200, 900)
    browser.open(made)
    return made


def _tab_to(browser, condition, most=80):
    """Press Tab until the element that has the focus is the one that is wanted."""
    for _ in range(most):
        browser.press("Tab")
        if browser.run(f"(() => {{ const e = document.activeElement; return {condition}; }})()"):
            return
    raise AssertionError(f"{most} times Tab do not lead to {condition}")


def _visible(browser, selector):
    # Of what is drawn within an SVG, `checkVisibility` does not see that it is not displayed.
    shown = "(e) => e.checkVisibility() && getComputedStyle(e).display !== 'none'"
    return browser.run(f"[...document.querySelectorAll('{selector}')].filter({shown}).length")


def test_the_page_is_quiet_and_every_figure_can_be_saved(browser, page):
    figures = browser.run("document.querySelectorAll('figure').length")
    # Two metrics of two data sets: ladder, differences, seeds; a curve of each data set; and over
    # the data sets, by each metric, the ranks and the effects of three latents.
    assert figures == 4 + 4 + 4 + 2 + 2 * (1 + 3)
    assert browser.run("document.querySelectorAll('figure .export button').length") == 3 * figures
    named = "(e) => e.ariaLabel || e.textContent.trim() || e.labels?.length"
    controls = "[...document.querySelectorAll('button, summary, select, input, a')]"
    assert browser.run(f"{controls}.every({named})")
    assert browser.run("[...document.querySelectorAll('th')].every((e) => e.scope)")
    for width in (420, 1200):
        browser.show(width, 900, "dark")
        assert browser.run("document.documentElement.scrollWidth") <= width
    assert browser.errors == []


def test_the_filter_by_keyboard_and_its_address(browser, page):
    _tab_to(browser, "e.matches('#filter summary')")
    browser.press("Enter", "Tab", " ")
    browser.wait("location.hash === '#data=quantum'")
    assert _visible(browser, "figure[data-data=mixture]") == 0
    assert _visible(browser, "article[data-data=mixture]") == 0
    assert _visible(browser, "figure[data-data=quantum]") == 7
    browser.press("Escape")
    assert browser.run("document.activeElement.matches('#filter summary')")
    assert _visible(browser, "#filter fieldset") == 0

    browser.open(page, "#metric=energy_distance&latent=quantum&latent=gaussian")
    assert _visible(browser, "article[data-metric=l1_to_integer]") == 0
    assert _visible(browser, "#table td[data-metric=l1_to_integer]") == 0
    assert _visible(browser, "#table tr[data-latent=bernoulli]") == 0
    assert _visible(browser, "#table tr[data-latent=gaussian]") > 0
    assert _visible(browser, "#seeds svg [data-latent=bernoulli]") == 0
    assert _visible(browser, "#seeds svg [data-latent=gaussian]") > 0
    assert browser.run("document.querySelector('#filter output').textContent").startswith("Shown: ")
    _tab_to(browser, "e.type === 'reset'")
    browser.press("Enter")
    browser.wait("location.hash === ''")
    assert _visible(browser, "article") == 4
    assert browser.errors == []


def test_nothing_is_lost_without_script(browser, page):
    browser.ask("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(page, "#data=quantum")
        assert _visible(browser, "#filter") == 0
        assert _visible(browser, "article") == 4
        assert _visible(browser, "figure") == 22
        assert "need the page’s script" in browser.run("document.body.innerText")
    finally:
        browser.ask("Emulation.setScriptExecutionDisabled", value=False)


def _values(rows, metric):
    """The values on the quantum data, by latent and seed."""
    return {
        (row["spec"]["latent"]["name"], row["spec"]["seed"]): row["metrics"][metric]["value"]
        for row in rows(seeds=6)
        if row["spec"]["data"]["name"] == "quantum"
    }


def test_from_a_latent_to_its_seeds_by_keyboard(browser, page, rows):
    values = _values(rows, "l1_to_integer")
    by_seed = [values["gaussian", seed] for seed in range(6)]
    reference = [values["quantum", seed] for seed in range(6)]
    _tab_to(browser, "e.matches('#table a') && e.textContent === 'gaussian'")
    browser.press("Enter")
    opened = "document.querySelector('details.runs[open]')"
    assert browser.run(f"document.activeElement === {opened}.querySelector('summary')")
    texts = "(row) => [...row.cells].map((cell) => cell.textContent)"
    cells = f"[...{opened}.querySelectorAll('tbody tr')].map({texts})"
    lines = browser.run(cells)
    assert [line[0] for line in lines] == [f"seed {seed}" for seed in range(6)]
    for seed, line in enumerate(lines):
        assert float(line[1]) == pytest.approx(by_seed[seed], rel=1e-3)
        difference = float(line[2].replace("−", "-"))
        assert difference == pytest.approx(by_seed[seed] - reference[seed], rel=1e-3)
        assert line[3:] == ["finished", f"{seed + 1} of 8", "numba", f"quantum-gaussian-{seed}"]
    _tab_to(browser, "e.dataset.sort === 'difference'")
    browser.press("Enter", "Enter")  # the second time the other way round
    browser.wait(f"{opened}.querySelector('[aria-sort=descending]') !== null")
    order = sorted(range(6), key=lambda seed: reference[seed] - by_seed[seed])
    assert [line[0] for line in browser.run(cells)] == [f"seed {seed}" for seed in order]
    _tab_to(browser, "e.matches('button.more')")
    browser.press("Enter")
    assert browser.run(f"{opened}.querySelectorAll('.one-run figure svg path').length") == 1
    told = browser.run(f"{opened}.querySelector('.one-run').innerText")
    assert f"quantum-gaussian-{order[0]}" in told
    # A diverged run stands there too, with what happened to it.
    browser.run("document.querySelector('#runs').scrollIntoView()")
    browser.run("document.querySelectorAll('details.runs').forEach((d) => { d.open = true; })")
    browser.wait("document.querySelectorAll('.seeds > .scroll > table').length === 8")
    assert browser.run("document.querySelectorAll('#runs .badge.worse').length") == 1
    # And a mark of a figure leads there by mouse.
    browser.run("document.querySelectorAll('details.runs').forEach((d) => { d.open = false; })")
    browser.run(
        "document.querySelector('#seeds figure[data-data=mixture] [data-latent=bernoulli]')"
        ".dispatchEvent(new MouseEvent('click', { bubbles: true }))"
    )
    summary = browser.run(f"{opened}.querySelector('summary').textContent")
    assert summary.startswith("bernoulli")
    assert browser.run(f"{opened}.closest('.group').dataset.data") == "mixture"
    assert browser.errors == []


def _press_save(browser, figure, kind):
    found = f"""document.querySelector('[data-figure="{figure}"] .export')"""
    browser.run(f"[...{found}.children].find((b) => b.textContent === '{kind}').click()")
    return browser.saved(f"{figure}.{kind.lower()}")


def _lines(content):
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_figures_are_saved_as_files_that_stand_alone(browser, page, theme):
    browser.show(1200, 900, theme)
    for figure in ("ladder-energy_distance-quantum", "wasserstein-mixture"):
        content = _press_save(browser, f"table1-{figure}", "SVG").decode()
        root = ElementTree.fromstring(content)
        assert float(root.get("width")) > 100
        assert "var(" not in content
        ground = root.find("{http://www.w3.org/2000/svg}rect").get("fill")
        assert ground == {"light": "rgb(254, 254, 253)", "dark": "rgb(23, 29, 38)"}[theme]
    content = _press_save(browser, "table1-seeds-l1_to_integer-quantum", "PNG")
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">I", content[16:20])[0] > 600
    assert browser.errors == []


def test_figures_are_saved_as_their_numbers(browser, page, rows):
    exact = _values(rows, "energy_distance")
    header, *lines = _lines(_press_save(browser, "table1-seeds-energy_distance-quantum", "CSV"))
    assert header == ["latent", "seed", "value"]
    found = {(latent, int(seed)): float(value) for latent, seed, value in lines}
    assert found == pytest.approx(exact, rel=1e-5)
    lines = _lines(_press_save(browser, "table1-differences-energy_distance-quantum", "CSV"))[1:]
    found = {(latent, seed): float(value) for latent, seed, value in lines}
    for seed in range(6):
        own = exact["gaussian", seed] - exact["quantum", seed]
        assert found["gaussian", str(seed)] == pytest.approx(own, rel=1e-3)
    mean = sum(exact["gaussian", s] - exact["quantum", s] for s in range(6)) / 6
    assert found["gaussian", "mean"] == pytest.approx(mean, rel=1e-4)
    lines = _lines(_press_save(browser, "table1-ladder-energy_distance-quantum", "CSV"))
    assert lines[0][:4] == ["latent", "mean occupancies", "all", "difference"]
    assert [line[:3] for line in lines[1:3]] == [
        ["quantum", "full", "full"],
        ["distinguishable", "part", "no"],
    ]
    assert lines[3][1:3] == ["unknown", "unknown"]
    assert browser.errors == []


def test_hostile_names_are_only_names(browser, tmp_path, rows):
    attacks = {
        "quantum": "quantum",
        "distinguishable": '"><img src=x onerror="window.hacked=1">',
        "bernoulli": "=cmd|' /C calc'!A0",
        "gaussian": "</script><script>window.hacked=1</script>",
    }
    found = _slim(rows(seeds=3, data=("quantum",)))
    for row in found:
        row["run"] = f"<b onclick=window.hacked=1>{row['run']}"
        row["spec"]["data"]["name"] = "a</script><!--<script>', window.hacked=1, '"
        row["spec"]["latent"]["name"] = attacks[row["spec"]["latent"]["name"]]
        row["metrics"]["energy_distance"]["label"] = "<svg onload=window.hacked=1>"
        steps = row["curves"].pop("step")
        row["curves"] = {f"<i>{name}": of for name, of in row["curves"].items()} | {"step": steps}
    path = _written(tmp_path / "study", found, study="../x<y>")
    browser.open(path)
    browser.run("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    browser.wait("document.querySelectorAll('.seeds > .scroll > table').length === 4")
    browser.run("document.querySelectorAll('button.more').forEach((b) => b.click())")
    browser.run("document.querySelectorAll('#filter input').forEach((b) => b.click())")
    assert browser.run("document.querySelectorAll('.one-run figure').length") == 4 * 3
    names = browser.run("[...document.querySelectorAll('figure')].map((f) => f.dataset.figure)")
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+", name) for name in names)
    name = next(name for name in names if "-seeds-energy_distance" in name)
    lines = _lines(_press_save(browser, name, "CSV"))
    assert {line[0] for line in lines[1:]} == {
        "'" + text if text.startswith("=") else text for text in attacks.values()
    }
    ElementTree.fromstring(_press_save(browser, name, "SVG").decode())
    assert browser.run("document.querySelectorAll('img').length") == 0
    assert browser.run("window.hacked === undefined")
    assert browser.errors == []


def _many(num_rows, num_data, latents=10):
    """Rows of the least that a page shows, written by hand: made-up rows take too long."""
    names = ["quantum", *(f"rival_{index}" for index in range(latents - 1))]
    entry = {"direction": "lower", "label": "energy distance", "floor": 0.0}
    steps = list(range(0, 1000, 10))
    for index in range(num_rows):
        latent, rest = index % latents, index // latents
        data, seed = rest % num_data, rest // num_data
        value = 0.1 + 0.01 * latent + 0.001 * ((7919 * index) % 997) / 997
        yield {
            "schema": 1, "run": f"{index:016x}", "study": "many", "status": "finished",
            "spec": {"data": {"name": f"data {data}"}, "latent": {"name": names[latent]},
                     "seed": seed, "model": {}, "training": {}, "evaluation": {}},
            "metrics": {"energy_distance": {**entry, "value": value}},
            "curves": {"step": steps, "critic_loss": [value * step for step in steps]},
            "provenance": {}, "stack": {"size": 16, "place": seed % 16, "kernel": "numba"},
        }  # fmt: skip


def _many_page(folder, **shape):
    folder.mkdir()
    rows = list(_many(**shape))
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    study = {"schema": 1, "study": "many", "primary_metrics": ["energy_distance"]}
    (folder / "study.json").write_text(json.dumps(study | {"num_runs": len(rows)}))
    return write_report(folder)


def _turn_the_pages(browser, num_seeds):
    browser.run("document.querySelector('#table a[href=\"#runs-1\"]').click()")
    opened = "document.querySelector('details.runs[open]')"
    for first in range(0, num_seeds, 50):
        shown = browser.run(
            f"[...{opened}.querySelectorAll('button.more')].map((b) => b.textContent)"
        )
        assert shown == [f"seed {seed}" for seed in range(first, min(first + 50, num_seeds))]
        browser.run(
            f"[...{opened}.querySelectorAll('.pager button')]"
            ".find((b) => b.textContent === 'Next')?.click()"
        )
    place = browser.run(f"{opened}.querySelector('.pager .note').textContent")
    assert place.endswith(f"to {num_seeds} of {num_seeds}")


def test_many_seeds_stand_on_pages(browser, tmp_path):
    path = _many_page(tmp_path / "many", num_rows=360, num_data=1, latents=3)
    browser.open(path)
    said = browser.run("document.body.innerText")
    assert "Training curves of 318 runs, those of the first seeds" in said
    _turn_the_pages(browser, 120)
    assert browser.errors == []


@pytest.mark.slow
@pytest.mark.parametrize(("num_data", "latents"), [(5, 10), (25, 20)])
def test_a_page_of_ten_thousand_rows(browser, tmp_path, num_data, latents):
    path = _many_page(tmp_path / "many", num_rows=10_000, num_data=num_data, latents=latents)
    assert path.stat().st_size < 12_000_000
    browser.show(1200, 900)
    browser.open(path)
    # Nothing of the single runs is there before somebody asks for it.
    assert browser.run("document.querySelectorAll('details.runs').length") == num_data * latents
    assert browser.run("document.querySelectorAll('details.runs table').length") == 0
    _turn_the_pages(browser, 10_000 // (num_data * latents))
    browser.run("document.querySelector('#filter input').click()")
    browser.wait("location.hash.startsWith('#data=')")
    assert _visible(browser, "#runs .group") == 1
    lines = _lines(_press_save(browser, "many-seeds-energy_distance-data-0", "CSV"))
    assert len(lines) == 1 + 10_000 // num_data
    assert browser.errors == []
