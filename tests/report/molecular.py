"""A made-up study of molecules in the schema of docs/architecture.md; nothing here is a result."""

import json
from pathlib import Path

from quantum_latents.random import stream
from quantum_latents.results import RowStore

LATENTS = {"quantum": 0.30, "distinguishable": 0.33, "bernoulli": 0.38, "gaussian": 0.32}
METRICS = {
    # name: (label, direction, unit, floor, trivial, centre, has n)
    "valid_and_unique": ("valid and unique", "higher", "molecules", 9986, 9901, 3000, False),
    "novel": ("novel", "higher", "molecules", 6100, 8899, 2500, False),
    "fcd_unique": ("FCD, unique", "lower", "", 0.077, 4.89, 1.1, True),
    "fcd_valid": ("FCD, all valid", "lower", "", 0.077, 4.89, 1.3, True),
    "fcd_unique_2522": ("FCD, unique, n = 2,522", "lower", "", 0.30, 5.1, 1.3, True),
    "fcd_unique_1000": ("FCD, unique, n = 1,000", "lower", "", 0.76, 5.6, 1.7, True),
    "validity": ("validity, strict", "higher", "", 0.9991, 0.9994, 0.7, False),
    "molgan_validity": ("validity, MolGAN’s", "higher", "", 1.0, 1.0, 0.75, False),
    "bond_type_distance": ("distance of bond types", "lower", "", 0.004, 0.21, 0.05, False),
    "atom_type_distance": ("distance of atom types", "lower", "", 0.004, 0.32, 0.06, False),
    "ring_distance": ("distance of ring counts", "lower", "", 0.01, 0.5, 0.2, False),
    "functional_group_distance": ("distance of groups", "lower", "", 0.02, 0.7, 0.3, False),
    "qed_distance": ("distance of QED", "lower", "", 0.001, 0.06, 0.02, False),
    "sa_distance": ("distance of SA score", "lower", "", 0.02, 1.6, 0.6, False),
    "logp_distance": ("distance of log P", "lower", "", 0.02, 0.8, 0.3, False),
    "nearest_similarity": ("similarity of the nearest", "higher", "", 0.52, 0.30, 0.45, False),
    "internal_diversity": ("internal diversity", "higher", "", 0.92, 0.91, 0.92, False),
}
FEW = "480 unique valid molecules, fewer than the 513 that the covariance needs"
DRAWN = [
    ("CC(=O)NC#CF", ""),
    ("C1CC2OC2C1N", ""),
    ("", "N with bonds of sum 5"),
    ("OC1CN2CC12", ""),
    ("", "3 fragments"),
    ("CC#CC(N)=O", ""),
]
STUDY = {
    "schema": 1,
    "study": "table2",
    "title": "Molecules of QM9",
    "question": "Does a generator of molecules come closer to QM9 when its latent is made of "
    "photon counts?",
    "preset": "quick",
    "command": "qlat run table2 --preset quick --data qm9.csv",
    "notes": ["A held-out molecule counts as novel."],
    "primary_metrics": ["valid_and_unique", "novel", "fcd_unique", "fcd_unique_2522"],
    "paper": {
        "source": "a paper, Table II",
        "figures": [
            {
                "data": "qm9",
                "latent": "quantum",
                "metric": "valid_and_unique",
                "mean": 2522,
                "standard_error": 65,
            },
            {
                "data": "qm9",
                "latent": "gaussian",
                "metric": "valid_and_unique",
                "mean": 2210,
                "standard_error": 71,
            },
            {
                "data": "qm9",
                "latent": "quantum",
                "metric": "fcd_unique",
                "mean": 1.16,
                "standard_error": 0.03,
            },
            {
                "data": "qm9",
                "latent": "copula",
                "metric": "fcd_unique",
                "mean": 1.4,
                "standard_error": None,
            },
        ],
    },
}


def _shares(generator, number):
    weights = generator.gamma(2.0, size=number)
    return (weights / weights.sum()).round(5).tolist()


def _distributions(seed, latent):
    data, own = (stream(seed, "shares", name).generator() for name in ("data", latent))
    shapes = [
        ("qed", "QED", "", {"edges": [i / 20 for i in range(21)]}),
        ("sa", "SA score", "", {"edges": [1 + i / 2 for i in range(15)]}),
        ("logp", "log P", "", {"edges": [-4 + i / 2 for i in range(17)]}),
        ("rings", "rings", "rings in a molecule", {"categories": ["0", "1", "2", "3", "4", "5+"]}),
        ("bonds", "bond types", "", {"categories": ["none", "single", "double", "triple"]}),
        ("atoms", "atom types", "", {"categories": ["none", "C", "N", "O", "F"]}),
    ]
    made = []
    for name, label, unit, bins in shapes:
        number = len(bins["edges"]) - 1 if "edges" in bins else len(bins["categories"])
        shares = {"data": _shares(data, number), "trivial": _shares(data, number)}
        shares["generated"] = _shares(own, number)
        made.append({"name": name, "label": label, "unit": unit, **bins, **shares})
    return made


def make_molecular_row(latent, seed, *, few=False, status="finished"):
    own = stream(seed, "molecular", latent).generator()
    quality = LATENTS[latent] * (1 + 0.1 * own.normal())
    unique = 480 if few else int(9000 * quality)
    metrics = {}
    for name, (label, direction, unit, floor, trivial, centre, has_size) in METRICS.items():
        worse = 0.3 / quality if direction == "higher" else quality / 0.3
        value = centre * worse
        if unit == "molecules":
            value = int(unique * (0.9 if name == "novel" else 1.0))
        entry = {"value": value, "reason": "", "floor": floor, "trivial": trivial}
        entry |= {"direction": direction, "label": label, "unit": unit}
        entry |= {"constant_wins": False, "corroborated_by": []}
        if has_size:
            fixed = {"fcd_unique_2522": 2522, "fcd_unique_1000": 1000}.get(name)
            entry |= {"num": fixed or unique, "floor_num": fixed or 10000}
            entry |= {"trivial_num": fixed or 9901}
            if few:
                entry |= {"value": None, "reason": FEW}
        metrics[name] = entry
    run = f"qm9-{latent}-{seed}"
    return {
        "schema": 1,
        "run": run,
        "study": "table2",
        "spec": {"data": {"name": "qm9"}, "latent": {"name": latent}, "seed": seed},
        "status": status,
        "status_detail": "",
        "metrics": metrics if status == "finished" else {},
        "curves": None,
        "preview": {
            "kind": "molecules",
            "pictures": f"pictures/{run}.json",
            "distributions": _distributions(seed, latent),
        },
        "provenance": {"version": "0.1.0", "commit": "abc1234", "seconds": 9.0},
    }


def make_molecular_rows(seeds=3, few=()):
    return [
        make_molecular_row(latent, seed, few=(latent, seed) in few)
        for seed in range(seeds)
        for latent in LATENTS
    ]


def draw(smiles: str) -> str:
    """An SVG as RDKit makes it; a broken molecule is drawn without being one."""
    from rdkit import Chem
    from rdkit.Chem.Draw import rdMolDraw2D

    molecule = Chem.MolFromSmiles(smiles or "CN(C)(C)(C)O.C.F", sanitize=bool(smiles))
    canvas = rdMolDraw2D.MolDraw2DSVG(150, 120)
    if not smiles:
        molecule.UpdatePropertyCache(strict=False)
        canvas.drawOptions().prepareMolsBeforeDrawing = False
        Chem.rdDepictor.Compute2DCoords(molecule)
    canvas.DrawMolecule(molecule)
    canvas.FinishDrawing()
    return canvas.GetDrawingText()


def write_molecular_study(directory: Path, rows: list[dict], pictures: bool = True, **changes):
    store = RowStore(directory)
    for row in rows:
        store.append(row)
    (directory / "study.json").write_text(json.dumps(STUDY | changes))
    if pictures:
        folder = directory / "pictures"
        folder.mkdir()
        drawings = [draw(smiles) for smiles, _ in DRAWN]
        molecules = [
            {
                "svg": drawings[index % len(DRAWN)],
                "smiles": DRAWN[index % len(DRAWN)][0],
                "valid": not DRAWN[index % len(DRAWN)][1],
                "novel": index % len(DRAWN) in (0, 1, 3),
                "reason": DRAWN[index % len(DRAWN)][1],
            }
            for index in range(24)
        ]
        for row in rows:
            content = json.dumps({"schema": 1, "molecules": molecules})
            (folder / f"{row['run']}.json").write_text(content)
    return directory
