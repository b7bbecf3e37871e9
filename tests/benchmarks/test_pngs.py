"""Torchvision and the prepare stage read the same images from a folder."""

import numpy as np

from benchmarks.pictures import prepared_folder, same_images, torchvision_batches, write_pngs


def test_both_read_every_image(tmp_path):
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (60, 1, 28, 28), np.uint8), np.arange(60) % 3
    write_pngs(images, labels, tmp_path / "images")
    prepared, batches = (
        prepared_folder(tmp_path / "images", tmp_path),
        torchvision_batches(tmp_path / "images"),
    )
    written = sorted(image.tobytes() for image in images)
    assert sorted(image.tobytes() for batch in batches for image in batch.numpy()) == written
    assert prepared.classes == ("0", "1", "2")
    assert same_images(prepared, batches)
    batches[0][0, 0, 0, 0] ^= 1
    assert not same_images(prepared, batches)
