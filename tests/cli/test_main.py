"""The command `qlat` as a user types it."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from quantum_latents import __version__
from quantum_latents.cli import main
from quantum_latents.cli import progress as shown
from quantum_latents.execution.local import Progress


@pytest.fixture(autouse=True)
def private_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("QLAT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def _write(path, array):
    np.save(path, array)
    return str(path)


MISTAKES = [
    (["run", "tabel1"], "did you mean 'table1'?"),
    (["run", "compare"], "--data FILE"),
    (["run", "compare", "--data", "absent.npy"], "absent.npy"),
    (["run", "compare", "--data", "nan.npy"], "column 1"),
    (["run", "compare", "--data", "infinite.npy"], "column 1"),
    (["run", "compare", "--data", "one_row.npy"], "at least 20"),
    (["run", "compare", "--data", "constant.npy"], "all rows are equal"),
    (["run", "compare", "--data", "text.csv"], "'colour'"),
    (["run", "compare", "--data", "broken.npz"], "broken.npz"),
    (["run", "compare", "--data", "good.npy", "--latent-dim", "0"], "16, or 16,32,48, not '0'"),
    (["run", "compare", "--data", "good.npy", "--latent-dim", "8,16"], "takes one --latent-dim"),
    (["run", "table2", "--data", "good.npy", "--latent-dim", "16,16"], "a length twice"),
    (["run", "table2", "--setup", "tunde"], "did you mean 'tuned'"),
    (["run", "table2", "--interferometer", "har"], "did you mean 'haar'"),
    (["run", "table2", "--data", "missing.smi"], "missing.smi"),
    (["run", "mixture", "--setup", "tuned"], "belongs to table2"),
    (["run", "hyperparameters", "--setup", "tuned"], "belongs to table2"),
    (["run", "hyperparameters", "--latents", "bank:here"], "takes no bank:FOLDER"),
    (["run", "interference", "--latents", "bank:here"], "takes no bank:FOLDER"),
    (["run", "table1", "--latents", "bank:here"], "here is not a bank"),
    (["run", "table1", "--latents", "bank:"], "bank:FOLDER"),
    (["run", "table1", "--latents", "bank:here", "--bank", "fresh"], "leave --bank fresh out"),
    (["run", "table1", "--doses", "0,1"], "belongs to interference and loss"),
    (["run", "mixture", "--precision", "tf32"], "--precision tf32 needs --device cuda"),
    (["run", "interference", "--doses", "0,much"], "numbers in [0, 1]"),
    (["run", "interference", "--doses", "0,2"], "numbers in [0, 1]"),
    (["run", "interference", "--doses", "0"], "three or more overlaps"),
    (["run", "interference", "--latents", "quantum"], "name --doses, not --latents"),
    (["run", "interference", "--data", "bits"], "no data set is called 'bits'"),
    (["run", "survey", "--data", "moon"], "did you mean 'moons'?"),
    (["run", "survey", "--certifiable"], "--certifiable belongs to compare"),
    (["run", "table2", "--latents", "bank:here", "--bank", "fresh"], "leave --bank fresh out"),
    (["run", "mixture", "--latents", "quantom"], "did you mean 'quantum'?"),
    (["run", "mixture", "--latents", "quantum,quantum"], "twice"),
    (["run", "mixture", "--seeds", "0"], "--seeds is at least 1"),
    (["run", "mixture", "--num-steps", "0"], "--num-steps is at least 1"),
    (["run", "mixture", "--workers", "0"], "at least 1"),
    (["run", "mixture", "--bank", "many"], "or fresh"),
    (["run", "mixture", "--curve", "half"], "shares of the training in (0, 1)"),
    (["run", "mixture", "--curve", "0.5,1"], "shares of the training in (0, 1)"),
    (["run", "mixture", "--time-budget", "9x"], "90s, 9m or 2h"),
    (["run", "mixture", "--data", "good.npy"], "leave --data out"),
    (["run", "mixture", "--latent-dim", "8,16"], "takes one --latent-dim"),
    (["run", "interference", "--latent-dim", "8"], "belongs to compare"),
    (["run", "mixture", "--depths", "1,2"], "--depths belongs to depth"),
    (["run", "depth", "--depths", ""], "hidden layers such as 1,2,4,8, not ''"),
    (["run", "depth", "--depths", "1,two"], "hidden layers such as 1,2,4,8, not '1,two'"),
    (["run", "depth", "--depths", "0,2"], "hidden layers such as 1,2,4,8"),
    (["run", "depth", "--depths", "1,-2"], "hidden layers such as 1,2,4,8"),
    (["run", "depth", "--depths", "1.5,2"], "hidden layers such as 1,2,4,8"),
    (["run", "depth", "--depths", "1,2,1"], "named twice"),
    (["run", "depth", "--depths", "2"], "two numbers of hidden layers or more"),
    (["run", "depth", "--data", "good.npy"], "depth draws its own data"),
    (["run", "mixture", "--latent-dim", "8"], "too short for the loops of delay 1, 3, 9"),
    (["run", "depth", "--doses", "0,1"], "belongs to interference and loss"),
    (["run", "depth", "--latents", "quantom"], "did you mean 'quantum'?"),
    (["run", "interference", "--certifiable"], "--certifiable belongs to compare and"),
    (["run", "mixture", "--certifiable"], "--certifiable belongs to compare and table1 and"),
    (["run", "table1", "--restarts", "3"], "belongs to corollary"),
    (["run", "corollary", "--restarts", "0"], "num_restarts is at least 1, not 0"),
    (["run", "corollary", "--latent-dim", "30"], "latent_dim is from 2 to 24, not 30"),
    (["run", "corollary", "--latents", "gausian"], "gausian"),
    (["run", "corollary", "--latents", "bank:here"], "takes no bank:FOLDER"),
    (["run", "corollary", "--data", "quantum"], "leave --data out"),
    (["run", "corollary", "--curve", "0.5"], "leave --curve out"),
    (["run", "table1", "--data", "quantum,bits"], "no data set is called 'bits'"),
    (["run", "table1", "--out", "good.npy"], "good.npy"),
    (["run", "tune", "--recipe", "tabel1"], "did you mean 'table1'?"),
    (["run", "tune", "--recipe", "corollary"], "chooses between restarts of its own"),
    (["run", "tune", "--recipe", "bank-sizes"], "held against themselves"),
    (["run", "tune", "--recipe", "table2"], "molecules have no validation rows"),
    (["run", "tune", "--recipe", "tune"], "it is the tuning"),
    (["run", "tune", "--recipe", "compare"], "--data FILE"),
    (["run", "tune", "--recipe", "mixture", "--doses", "0,1"], "--doses belongs to interference"),
    (["run", "tune", "--trials", "1"], "trials are from 2 to"),
    (["run", "tune", "--tuning-seeds", "0"], "tuning seeds are at least 1, not 0"),
    (["run", "tune", "--preset", "smoke", "--seeds", "1001"], "seed 1000 is a tuning seed"),
    (["run", "tune", "--time-budget", "soon"], "90s, 9m or 2h"),
    (["run", "table1", "--recipe", "mixture"], "--recipe belongs to tune"),
    (["run", "table1", "--trials", "4"], "--trials belongs to tune"),
    (["run", "table1", "--tuning-seeds", "4"], "--tuning-seeds belongs to tune"),
    (["table", "absent"], "absent"),
    (["report", "absent"], "absent"),
    (["evaluate", "absent"], "absent"),
    (["generate", "absent", "--out", "a.npy"], "no run at absent"),
    (["generate", "absent", "--out", "no/a.npy"], "no folder no"),
    (
        ["sample", "--interferometer", "harr:4", *"--photons 2 --num-samples 9 --out b".split()],
        "harr",
    ),
    (["sample", "--interferometer", "haar:4", *"--photons 9 --num-samples 9 --out b".split()], "9"),
    (["sample", "--interferometer", "haar:4", *"--num-samples 9 --out b".split()], "--photons"),
    (["sample", "--interferometer", "haar:4", *"--photons 2 --num-samples 0 --out b".split()], "0"),
    (
        ["sample", "--interferometer", "haar:4", *"--input 1,x --num-samples 9 --out b".split()],
        "1,x",
    ),
    (
        ["sample", "--interferometer", "good.npy", *"--photons 2 --num-samples 9 --out b".split()],
        "square",
    ),
    *(
        (
            ["sample", *"--interferometer haar:4 --num-samples 9 --out b".split(), *rest.split()],
            said,
        )
        for rest, said in [
            ("--photons 2 --fill all", "--fill all"),
            ("--fill all --interference 1.5", "interference is between 0 and 1, not 1.5"),
            ("--fill all --transmission -0.5", "input_transmission"),
            ("--fill all --g2 0.7", "g2 is between 0 and 0.5, not 0.7"),
            ("--fill all --detector-efficiency nan", "detector_efficiency"),
            ("--fill all --dark-counts -1", "dark_counts"),
            ("--fill all --postselect 4.5", "4.5"),
            ("--fill all --postselect =5", "keeps exactly 0 of the shots"),
            ("--input 4,0,0,0 --threshold --postselect =5", "keeps exactly 0"),
            ("--fill all --distinguishable --interference 0.5", "give one of them"),
        ]
    ),
]


@pytest.mark.parametrize(
    ("arguments", "said"), MISTAKES, ids=[" ".join(arguments) for arguments, _ in MISTAKES]
)
def test_a_mistake_is_one_line_exit_code_2_and_nothing_written(arguments, said, tmp_path, capsys):
    good = np.random.default_rng(0).normal(size=(60, 3))
    spoilt = good.copy()
    spoilt[7, 1] = np.nan
    _write(tmp_path / "good.npy", good)
    _write(tmp_path / "nan.npy", spoilt)
    spoilt[7, 1] = np.inf
    _write(tmp_path / "infinite.npy", spoilt)
    _write(tmp_path / "one_row.npy", good[:1])
    _write(tmp_path / "constant.npy", np.ones((60, 3)))
    (tmp_path / "text.csv").write_text("x,colour\n" + "1.0,red\n2.0,blue\n" * 20)
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 not an archive")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}

    assert main(arguments) == 2

    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1, captured.err
    assert captured.err.startswith("qlat: ")
    assert said in captured.err
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_mistyped_option_is_a_mistake_too(capsys):
    with pytest.raises(SystemExit) as exit:
        main(["run", "mixture", "--preset", "smok"])
    assert exit.value.code == 2


def test_compare_from_a_file_to_a_page(tmp_path, capsys):
    table = np.random.default_rng(1).normal(size=(80, 2))
    np.savetxt(tmp_path / "mine.csv", table, delimiter=",", header="a,b", comments="")
    call = [
        *("run compare --data mine.csv --preset smoke --seeds 1 --num-steps 16".split()),
        *("--latents quantum,gaussian --latent-dim 4 --out mine --json".split()),
    ]
    assert main(call) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["num_rows"] == printed["num_runs"] == 2
    page = (tmp_path / "mine" / "report.html").read_text()
    assert "qlat run compare --data mine.csv" in page
    study = json.loads((tmp_path / "mine" / "study.json").read_text())
    assert any("16 generator steps instead of" in note for note in study["notes"])

    rows = (tmp_path / "mine" / "rows.jsonl").read_bytes()
    assert main(call[:-1]) == 0, "the same call has nothing left to do"
    assert (tmp_path / "mine" / "rows.jsonl").read_bytes() == rows
    assert "all differences: qlat table mine" in capsys.readouterr().out

    assert main([*call[:-1], "--seeds", "2"]) == 2, "more of it, and not said"
    assert "add --extend to go on with more" in capsys.readouterr().err
    assert main([*call[:-1], "--num-steps", "32"]) == 2, "another study in the same directory"
    assert "choose another --out" in capsys.readouterr().err
    assert (tmp_path / "mine" / "rows.jsonl").read_bytes() == rows

    assert main(["table", "mine", "--format", "markdown"]) == 0
    assert "| quantum |" in capsys.readouterr().out
    assert main(["report", "mine", "--out", "elsewhere.html"]) == 0
    assert (tmp_path / "elsewhere.html").exists()

    assert main(["evaluate", "mine", "--json"]) == 0
    evaluated = json.loads(capsys.readouterr().out.partition("{")[2].join(["{", ""]))
    assert evaluated["num_evaluated"] == 2
    assert evaluated["changed"] == []
    assert (tmp_path / "mine" / "rows.jsonl").read_bytes() == rows

    digests = sorted(path.name for path in (tmp_path / "mine" / "runs").iterdir())
    call = ["generate", "mine", digests[0][:6], "--num-samples", "7", "--out"]
    assert main([*call, "made.csv", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["run"] == digests[0]
    assert made["num_written"] == 7
    assert "fresh draws of the" in made["latents"]
    assert main([*call, "made.npy"]) == 0
    assert "7 written: made.npy" in capsys.readouterr().out
    table_made = np.loadtxt(tmp_path / "made.csv", delimiter=",", skiprows=1, dtype=np.float32)
    assert np.array_equal(np.load(tmp_path / "made.npy"), table_made)
    for spoilt, said in [
        (["generate", "mine", "--out", "a.npy"], "holds 2 runs"),
        (["generate", "mine", "zz", "--out", "a.npy"], "no run in mine/runs begins with 'zz'"),
        ([*call, "made.smi"], "vectors are written to .npy or .csv"),
        (["generate", f"mine/runs/{digests[0]}", "--num-samples", "0", "--out", "a.npy"], "not 0"),
    ]:
        assert main(spoilt) == 2
        assert said in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "a.npy").exists()


def test_a_depth_study_from_the_call_to_the_page(tmp_path, capsys, trains_here):
    call = [
        *("run depth --preset smoke --seeds 1 --num-steps 16 --depths 2,1 --bank 100".split()),
        *("--latents quantum,gaussian --latent-dim 10 --workers 1 --out deep --json".split()),
    ]
    with trains_here():
        assert main(call) == 0
    (along,) = json.loads(capsys.readouterr().out)["along"]
    assert along["curves"]["share_between"]["places"] == [1, 2]
    assert set(along["arrivals"]) == {"quantum", "gaussian"}
    assert along["arrivals"]["quantum"]["num_runs"] == [1, 1]
    study = json.loads((tmp_path / "deep" / "study.json").read_text())
    assert study["axis"]["of"] == {"depth 1": 1, "depth 2": 2}
    assert sorted(map(tuple, study["groups"].values())) == [("depth 1",)] * 2 + [("depth 2",)] * 2
    page = (tmp_path / "deep" / "report.html").read_text()
    assert '<section id="axis">' in page
    assert "qlat run depth --preset smoke" in page


def test_sample_draws_a_bank_once(tmp_path, capsys):
    call = "sample --interferometer time-bin:6:1,1 --input 1,0,2,0,0,1 --num-samples 500".split()
    assert main([*call, "--out", "bank", "--json"]) == 0
    manifest = json.loads(capsys.readouterr().out)
    assert manifest["complete"]
    counts = np.load(tmp_path / "bank" / "counts.npy")
    assert counts.shape == (500, 6)
    assert (counts.sum(1) == 4).all()
    modified = (tmp_path / "bank" / "counts.npy").stat().st_mtime_ns
    assert main([*call, "--out", "bank"]) == 0
    assert (tmp_path / "bank" / "counts.npy").stat().st_mtime_ns == modified
    assert main([*call, "--seed", "1", "--out", "bank"]) == 2, "another bank in the same folder"


def test_sample_draws_a_bank_of_a_noisy_device(tmp_path, capsys):
    call = "sample --interferometer time-bin:6:1,1 --fill all --num-samples 500 --out bank".split()
    noise = "--interference 0.9 --transmission 0.7 --g2 0.01 --detector-efficiency 0.9".split()
    detector = "--dark-counts 0.001 --threshold --postselect 2".split()
    assert main([*call, *noise, *detector]) == 0
    assert "500 shots of 6 photons in 6 modes" in capsys.readouterr().out
    manifest = json.loads((tmp_path / "bank" / "manifest.json").read_text())
    assert manifest["recipe"]["noise"]["interference"] == 0.9
    assert manifest["recipe"]["noise"]["at_least"] == 2
    counts = np.load(tmp_path / "bank" / "counts.npy")
    assert counts.max() == 1
    assert (counts.sum(1) >= 2).all()
    assert len(set(counts.sum(1).tolist())) > 2
    assert main([*call, *noise, *detector]) == 0
    assert main([*call, *noise]) == 2, "another noise is another bank"
    assert "noise" in capsys.readouterr().err
    assert main(call) == 2, "and so is none"
    assert "noise" in capsys.readouterr().err
    exactly = [*call[:-1], "exactly", "--transmission", "0.5", "--postselect", "=3"]
    assert main([*exactly, "--distinguishable"]) == 0
    assert (np.load(tmp_path / "exactly" / "counts.npy").sum(1) == 3).all()
    recipe = json.loads((tmp_path / "exactly" / "manifest.json").read_text())["recipe"]
    assert recipe["noise"]["interference"] == 0


def test_sample_says_what_it_draws_and_how_far_it_is(tmp_path, capsys):
    call = "sample --interferometer haar:24 --photons 12 --num-samples 3000 --out bank".split()
    assert main(call) == 0
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("3,000 shots by clifford-clifford, about")
    assert lines[-1].startswith("3,000 of 3,000 shots")


def test_sample_draws_on_a_gpu(tmp_path, capsys, monkeypatch, cupy_on_a_warp):
    call = "sample --interferometer haar:5 --photons 3 --num-samples 90 --json".split()
    call += ["--path", "clifford-clifford"]
    monkeypatch.setitem(sys.modules, "cupy", cupy_on_a_warp)
    assert main([*call, "--out", "cuda", "--device", "cuda"]) == 0
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert main([*call, "--out", "cpu"]) == 0
    drawn = [np.load(tmp_path / device / "counts.npy") for device in ("cuda", "cpu")]
    np.testing.assert_array_equal(*drawn)
    capsys.readouterr()
    for rest, said in [
        ((), "needs CuPy"),
        (("--workers", "2"), "--workers shares out cores"),
        (("--path", "enumeration"), "these shots take 'enumeration'"),
        (("--processor", "orca"), "a processor draws by itself"),
    ]:
        assert main([*call, "--out", "none", "--device", "cuda", *rest]) == 2
        assert said in capsys.readouterr().err
        assert not (tmp_path / "none").exists()


def test_what_takes_longer_than_a_day_wants_a_word(tmp_path, capsys):
    call = "sample --interferometer haar:80 --photons 40 --num-samples 1000000 --out bank".split()
    assert main(call) == 2
    said = capsys.readouterr().err
    assert "1,000,000 shots by clifford-clifford take about" in said
    assert "--yes" in said
    assert not (tmp_path / "bank").exists()


def test_a_bank_that_does_not_fit_the_disk_is_refused_before_it_is_drawn(tmp_path, capsys):
    call = "sample --interferometer time-bin:32:1,1 --photons 16 --out bank".split()
    assert main([*call, "--num-samples", str(10**15), "--yes"]) == 2
    assert "GiB" in capsys.readouterr().err
    assert not (tmp_path / "bank").exists()


def test_recipes_are_listed_with_their_cost(capsys):
    assert main(["recipes", "--json"]) == 0
    entries = json.loads(capsys.readouterr().out)
    paper = {e["recipe"]: e for e in entries if e["preset"] == "paper"}
    assert paper["table1"]["runs"] == 96
    # 60 products of 2 * 500 * 512 * 512, and the narrow ends, 40,000 steps of 96 runs
    hidden = 96 * 40_000 * 60 * 2 * 500 * 512 * 512 / 1e12
    assert hidden < paper["table1"]["teraflop"] < 1.1 * hidden


def test_recipes_are_listed_without_an_extra(monkeypatch, capsys):
    def missing():
        raise ImportError("no images: pip install something")

    monkeypatch.setattr("quantum_latents.data.digits.check_digits_installed", missing)
    assert main(["recipes"]) == 0
    assert "  --preset smoke  no images: pip install something" in capsys.readouterr().out


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"qlat {__version__}\n"


def test_help_loads_neither_torch_nor_numba():
    code = (
        "import sys\n"
        "from quantum_latents.cli import main\n"
        "try:\n    main(['run', '--help'])\n"
        "except SystemExit as exit:\n    assert exit.code == 0\n"
        "print(sorted({'torch', 'numba', 'scipy', 'matplotlib'} & set(sys.modules)))\n"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.stdout.splitlines()[-1] == "[]", answer.stdout + answer.stderr


def test_a_full_disk_is_a_failure_and_not_a_mistake(monkeypatch, capsys):
    def full(*arguments, **settings):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("quantum_latents.execution.run_study", full)
    assert main("run mixture --preset smoke --seeds 1 --out study".split()) == 1
    assert "No space left on device; what is finished is kept" in capsys.readouterr().err


def test_a_line_that_changes_between_two_prints_is_still_printed(monkeypatch, capsys):
    clock = [100.0]
    monkeypatch.setattr(shown.time, "monotonic", lambda: clock[0])
    show = shown.StudyLine(quiet=False)
    progress = Progress(num_runs=4, num_finished=0, num_steps=400)
    show(progress)
    for clock[0] in (102.0, 111.0, 122.0):
        progress.note = "compiling"
        show(progress)
    lines = capsys.readouterr().err.splitlines()
    assert [line.endswith("compiling") for line in lines] == [False, True]
