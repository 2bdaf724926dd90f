import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from quantum_latents.data import ArraySpec, array_spec, load
from quantum_latents.metrics import compute
from quantum_latents.random import stream


def rows(num_rows=40, dim=3):
    return stream(0, "test", "array").generator().normal(10.0, [1, 5, 0.1], size=(num_rows, dim))


def load_file(path, **settings):
    return load(array_spec(path, **settings), stream(0, "data"), Path("unused"))


def save(folder, name, table):
    """Write `table` to a file of any kind; return its path."""
    path = folder / name
    frame = pd.DataFrame(table, columns=["a", "b", "c"])
    if name.endswith(".npy"):
        np.save(path, table)
    elif name.endswith(".npz"):
        np.savez(path, table=table)
    elif name.endswith(".csv"):
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path)
    return path


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.csv", "x.parquet", "X.NPY"])
def test_every_kind_of_file_gives_the_same_numbers(tmp_path, name):
    table = rows()
    data = load_file(save(tmp_path, name, table) if name != "X.NPY" else _upper(tmp_path, table))
    assert data.name in ("x", "X")
    assert data.train.shape == (32, 3)
    assert data.held_out.shape == data.floor_reference.shape == (4, 3)
    parts = [data.to_data_units(data.train), data.held_out, data.floor_reference]
    found = np.sort(np.concatenate(parts), axis=0)
    assert found == pytest.approx(np.sort(table, axis=0), rel=1e-6)
    assert data.notes == ()


def _upper(folder, table):
    path = folder / "X.NPY"
    with path.open("wb") as file:
        np.save(file, table)
    return path


def test_standardised_by_the_training_rows_alone(tmp_path):
    data = load_file(save(tmp_path, "x.npy", rows(1000)))
    train = data.train.astype(np.float64)
    assert train.mean(axis=0) == pytest.approx(np.zeros(3), abs=1e-5)
    assert train.std(axis=0) == pytest.approx(np.ones(3), abs=1e-5)
    held_out = (data.held_out - data.offset) / data.scale
    assert np.abs(held_out.mean(axis=0)).min() > 1e-4
    assert (data.facts["coordinate_scale"] == data.scale).all()


def test_raw_means_raw(tmp_path):
    table = rows()
    data = load_file(save(tmp_path, "x.npy", table), scaling="raw")
    assert (data.offset == 0).all()
    assert (data.scale == 1).all()
    assert set(map(tuple, data.train)) <= set(map(tuple, table.astype(np.float32)))
    assert "coordinate_scale" not in data.facts


def test_the_split_is_the_specs_and_not_the_runs(tmp_path):
    spec = array_spec(save(tmp_path, "x.npy", rows(100)), held_out_fraction=0.4)
    first = load(spec, stream(0, "data"), Path("unused"))
    other_run = load(spec, stream(1, "data"), Path("unused"))
    assert (first.train == other_run.train).all()
    assert (first.held_out == other_run.held_out).all()
    assert first.train.shape == (60, 3)
    assert first.held_out.shape == (20, 3)
    other_split = load_file(spec.path, held_out_fraction=0.4, split_seed=1)
    assert not np.isin(other_split.held_out, first.held_out).all()
    parts = [first.to_data_units(first.train), first.held_out, first.floor_reference]
    assert len(np.unique(np.concatenate(parts), axis=0)) == 100


def test_integers_are_noticed(tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, np.arange(120).reshape(40, 3) % 7)
    assert load_file(path).metrics[0] == "l1_to_integer"
    np.save(path, np.arange(120).reshape(40, 3) % 7 + 0.5)
    assert "l1_to_integer" not in load_file(path).metrics


def test_metrics_do_not_depend_on_the_units_of_the_columns(tmp_path):
    values = []
    for unit in (1.0, np.array([1.0, 1e6, 1e-6])):
        data = load_file(save(tmp_path, "x.npy", rows(200) * unit))
        generated = data.to_data_units(1.5 * data.train)
        values.append(
            [
                compute(name, generated, data.held_out, data.facts, stream(0, "metrics"))
                for name in data.metrics
            ]
        )
    assert values[0] == pytest.approx(values[1], rel=1e-4)


def test_a_constant_column_is_kept_unscaled_and_noted(tmp_path):
    table = rows()
    table[:, 1] = 0.1
    data = load_file(save(tmp_path, "x.csv", table))
    assert data.notes == ("Constant among the training rows, centred and not scaled: column 'b'.",)
    assert (data.train[:, 1] == 0).all()
    assert data.scale[1] == 1
    assert data.offset[1] == 0.1
    raw = load_file(save(tmp_path, "x.csv", table), scaling="raw")
    assert raw.notes == ("Constant among the training rows, kept as it is: column 'b'.",)


def test_many_constant_columns_are_counted(tmp_path):
    table = np.ones((40, 9))
    table[:, 0] = np.arange(40)
    path = tmp_path / "x.npy"
    np.save(path, table)
    assert "columns 1, 2, 3, 4, 5 and 3 more" in load_file(path).notes[0]


def test_a_repeated_column_is_noted(tmp_path):
    table = rows()
    table[:, 2] = table[:, 0]
    notes = load_file(save(tmp_path, "x.parquet", table)).notes
    assert notes == ("Repeats another column, kept: column 'c' (as 'a').",)


def test_a_file_without_header_loses_no_row(tmp_path):
    path = tmp_path / "x.csv"
    np.savetxt(path, rows(), delimiter=",")
    data = load_file(path)
    assert len(data.train) + 2 * len(data.held_out) == 40
    assert data.notes == (
        "The first line holds numbers only: it was read as a row, not as a header.",
    )


def test_numbers_written_as_text_are_noted(tmp_path):
    path = tmp_path / "x.parquet"
    pd.DataFrame({"a": [str(k) for k in range(40)], "b": range(40)}).to_parquet(path)
    data = load_file(path)
    assert data.notes[0] == "Column 'a' holds numbers written as text: they were read as numbers."
    assert "Repeats another column, kept: column 'b' (as 'a')." in data.notes


def test_one_array_of_several_is_named(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, train=rows(), labels=np.arange(40))
    data = load_file(f"{path}:train")
    assert data.name == "x:train"
    assert data.train.shape == (32, 3)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float16, np.float32])
def test_real_types_are_accepted(tmp_path, dtype):
    path = tmp_path / "x.npy"
    np.save(path, (rows() > 10).astype(dtype))
    assert set(np.unique(load_file(path).held_out)) <= {0.0, 1.0}


def test_a_changed_file_is_refused(tmp_path):
    path = save(tmp_path, "x.npy", rows())
    spec = array_spec(path)
    assert spec == array_spec(path)
    save(tmp_path, "x.npy", rows() + 1)
    assert spec != array_spec(path)
    with pytest.raises(ValueError, match="has changed since its spec was made"):
        load(spec, stream(0, "data"), Path("unused"))


def write(name, content):
    """Return a maker of the file `name`: bytes, text, or an array for np.save."""

    def make(folder):
        path = folder / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif isinstance(content, str):
            path.write_text(content)
        elif isinstance(content, pd.DataFrame):
            content.to_parquet(path)
        elif isinstance(content, dict):
            np.savez(path, **content)
        else:
            np.save(path, content)
        return path

    return make


def with_entry(value):
    table = rows()
    table[7, 1] = value
    return table


def csv(*lines):
    return "\n".join(lines) + "\n"


def cut_short(folder):
    path = save(folder, "x.npy", rows())
    path.write_bytes(path.read_bytes()[:-50])
    return path


def damaged_npz(folder):
    path = save(folder, "x.npz", rows())
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    return path


PARQUET = pd.DataFrame({"a": np.arange(30.0), "b": np.arange(30.0)})

BAD_FILES = {
    "missing": (lambda folder: folder / "none.npy", "there is no file at .*none.npy"),
    "a folder": (lambda folder: folder.joinpath("x.npy").mkdir() or folder / "x.npy", "no file at"),
    "suffix": (write("x.txt", "1,2"), r"must end in \.npy, \.npz, \.csv, \.parquet"),
    "no npy": (write("x.npy", b"hello, this is no array"), "damaged or no .npy file"),
    "empty npy": (write("x.npy", b""), "damaged or no .npy file"),
    "cut npy": (cut_short, "damaged or cut short"),
    "pickled npy": (
        write("x.npy", np.array([[1, None]] * 30, dtype=object)),
        r"pickled Python objects, .* np\.save\(FILE, array\.astype\(float\)\)",
    ),
    "no npz": (write("x.npz", b"PK no archive"), "damaged or no .npz file"),
    "damaged npz": (damaged_npz, "damaged or cut short"),
    "pickled npz": (
        write("x.npz", {"table": np.array([[1, None]] * 30, dtype=object)}),
        "x.npz:table' holds pickled Python objects",
    ),
    "two arrays": (
        write("x.npz", {"one": rows(), "two": rows()}),
        r"holds 2 arrays \(one, two\); name the one meant, as .*x.npz:one",
    ),
    "no arrays": (write("x.npz", {}), r"holds 0 arrays \(none\)"),
    "complex": (write("x.npy", rows() + 1j), "complex numbers; save real ones"),
    "text npy": (write("x.npy", np.array([["a", "b"]] * 30)), "holds text"),
    "records": (
        write("x.npy", np.zeros(30, dtype=[("a", float), ("b", float)])),
        "not plain numbers",
    ),
    "dates npy": (write("x.npy", np.zeros((30, 2), dtype="M8[s]")), "datetime64"),
    "one axis": (write("x.npy", np.arange(30.0)), r"shape \(30,\).*save x\[:, None\]"),
    "no axis": (write("x.npy", np.array(3.0)), r"shape \(\)"),
    "three axes": (write("x.npy", np.zeros((30, 2, 2))), r"save x\.reshape\(len\(x\), -1\)"),
    "no rows": (write("x.npy", np.zeros((0, 3))), "is empty: 0 rows of 3 columns"),
    "no columns": (write("x.npy", np.zeros((30, 0))), "is empty: 30 rows of 0 columns"),
    "one row": (write("x.npy", rows(1)), "has 1 row: too few to split"),
    "few rows": (write("x.npy", rows(19)), "has 19 rows: too few to split .* at least 20"),
    "all equal": (write("x.npy", np.ones((30, 3))), "all rows are equal"),
    "nan": (write("x.npy", with_entry(np.nan)), r"column 1 holds a missing .* at row 7"),
    "infinity": (write("x.npy", with_entry(-np.inf)), r"column 1 holds an infinity \(-inf\)"),
    "beyond float32": (write("x.npy", with_entry(1e300)), "column 1 reaches 1e.300"),
    "offset": (
        write("x.npy", rows() + np.array([0, 0, 1e9])),
        "column 2 reaches 1e.09 with a spread of 0.* subtract an offset",
    ),
    "empty csv": (write("x.csv", ""), "is empty"),
    "header only": (write("x.csv", "a,b\n"), "is empty: 0 rows of 2 columns"),
    "missing csv": (
        write("x.csv", csv("a,b", "1,2", "3,", *["5,6"] * 30)),
        "column 'b' holds a missing value .* at row 1",
    ),
    "infinity csv": (
        write("x.csv", csv("a,b", "1,2", "inf,4", *["5,6"] * 30)),
        "column 'a' holds an infinity .* at row 1",
    ),
    "text csv": (
        write("x.csv", csv("a,b", "1,2", "3,4", "5,red", *["5,6"] * 30)),
        r"column 'b' holds text \('red' at row 2",
    ),
    "semicolons": (write("x.csv", csv("a;b", *["1;2"] * 30)), "not separated by commas"),
    "ragged": (write("x.csv", csv("a,b", "1,2", "1,2,3,4")), "cannot be read as comma-separated"),
    "short header": (write("x.csv", csv("a,b", *["1,2,3"] * 30)), "more values in its rows"),
    "row index": (
        write("x.csv", csv(",a", *[f"{k},{k * k}" for k in range(30)])),
        r"to_csv\(FILE, index=False\)",
    ),
    "binary csv": (write("x.csv", b"a,b\n\xff\xfe\x00,1\n"), "cannot be read as comma-separated"),
    "no parquet": (write("x.parquet", b"no parquet at all"), "damaged or no Parquet file"),
    "text parquet": (
        write("x.parquet", PARQUET.assign(c=["red"] * 30)),
        r"column 'c' holds text \('red' at row 0",
    ),
    "dates parquet": (
        write("x.parquet", PARQUET.assign(c=pd.Timestamp(0))),
        "column 'c' holds datetime64.*, not numbers",
    ),
    "missing parquet": (
        write("x.parquet", PARQUET.assign(c=pd.array([1, None] * 15, dtype="Int64"))),
        "column 'c' holds a missing value .* at row 1",
    ),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_files_are_refused_by_name_and_reason(tmp_path, case):
    make, message = BAD_FILES[case]
    path = make(tmp_path)
    with pytest.raises(ValueError, match=message) as refused:
        load_file(path)
    assert path.name in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_array_that_is_not_there_is_named(tmp_path):
    path = save(tmp_path, "x.npz", rows())
    with pytest.raises(ValueError, match="holds no array 'tabel'; it holds table"):
        load_file(f"{path}:tabel")


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"held_out_fraction": 0.0}, ValueError, r"held_out_fraction is in \(0, 1\), not 0.0"),
        ({"held_out_fraction": 1.0}, ValueError, r"held_out_fraction is in \(0, 1\), not 1.0"),
        ({"held_out_fraction": 0.01}, ValueError, "leaves 40 to train on and twice 0 held out"),
        ({"held_out_fraction": 0.99}, ValueError, "leaves 0 to train on and twice 20 held out"),
        ({"scaling": "standardized"}, ValueError, "'standardised' or 'raw', not 'standardized'"),
        ({"split_seed": -1}, ValueError, "split_seed is at least 0, not -1"),
        ({"split_seed": 0.5}, TypeError, "split_seed is an integer, not 0.5"),
        ({"fraction": 0.5}, TypeError, "fraction"),
    ],
)
def test_bad_settings_are_refused(tmp_path, settings, error, message):
    with pytest.raises(error, match=message):
        load_file(save(tmp_path, "x.npy", rows()), **settings)


def test_a_spec_without_a_checksum_says_who_computes_it():
    with pytest.raises(ValueError, match=r"array_spec\(path\) computes it"):
        ArraySpec(path="x.npy", sha256="")


@pytest.mark.parametrize("package", ["pandas", "pyarrow"])
def test_without_pandas_arrays_are_read_and_tables_name_the_extra(tmp_path, monkeypatch, package):
    array, table = save(tmp_path, "x.npy", rows()), save(tmp_path, "x.csv", rows())
    monkeypatch.setitem(sys.modules, package, None)
    assert load_file(array).dim == 3
    with pytest.raises(ImportError, match=r"pip install 'quantum-latents\[data\]'"):
        load_file(table)


def test_the_room_needs_neither_torch_nor_pandas_until_a_table_is_read():
    code = (
        "import sys, quantum_latents.data; "
        "sys.exit(any(name in sys.modules for name in ('torch', 'pandas', 'pyarrow')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
