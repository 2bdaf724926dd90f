"""What nodes are sent: photographs, with the weights of their network where they are."""

from quantum_latents.data import cifar10_spec, download, load
from quantum_latents.execution.inputs import files_of
from quantum_latents.random import stream
from quantum_latents.recipes import ddgan


def test_photographs_and_their_network_are_sent_by_content(cifar10_files, tmp_path):
    cache = tmp_path / "cache"
    files = cifar10_files.write_files(tmp_path / "files")
    spec = cifar10_spec(files, cache, num_records=20)
    runs = ddgan("smoke", num_seeds=1, latents=("gaussian",), data=spec).runs
    images = f"images/{spec.sha256}.levels"
    assert files_of(runs, cache) == {images: cache / images}
    weights = f"images/{download.INCEPTION_WEIGHTS.name}"
    (cache / weights).write_bytes(b"weights")
    sent = files_of(runs, cache)
    assert sent == {images: cache / images, weights: cache / weights}
    for name, file in sent.items():  # as a node lays them down
        (tmp_path / "node" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "node" / name).write_bytes(file.read_bytes())
    here = load(runs[0].data, stream(0, "data"), cache)
    there = load(runs[0].data, stream(0, "data"), tmp_path / "node")
    assert here.train.tobytes() == there.train.tobytes()
