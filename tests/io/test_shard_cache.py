"""Shards fetched as they are read: right bytes, a cache that keeps to its limit, the same data for any number of threads."""

import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch

from oi_tasks.errors import OiError
from oi_tasks.io.outputs import Output, Outputs
from oi_tasks.io.shard_cache import ShardCache
from oi_tasks.io.shards import ShardReader
from oi_tasks.io.store import DATA, Store
from oi_tasks.jobs.base import JobIO
from oi_tasks.jobs.train_semseg import TrainSemseg
from oi_tasks.settings import Settings
from oi_tasks.training.practice import Practice
from oi_tasks.training.sampling import plan_epoch
from tests.training.conftest import make_dataset, make_learner

STORES = ("minio", "versitygw")


@pytest.fixture(scope="module")
def stored(store: Store, store_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Output:
    """90 photos in 18 shards, and as many shards again of the tune split's 45."""
    return make_dataset(tmp_path_factory.mktemp("stored"), store, store_settings.cache, 90, per_shard=5, seed=3)


@pytest.fixture
def dataset(stored: Output, store: Store, tmp_path: Path) -> Output:
    """The same dataset, with a cache of its own."""
    return Outputs(store, tmp_path / "cache").get("shards", stored.id)


def tars(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.tar"))


def test_an_epoch_reads_every_photo_right_with_few_shards_on_disk(
    dataset: Output, stored: Output, tmp_path: Path
) -> None:
    sizes = [dataset.manifest.objects[name].size for name in dataset.names("shards/train")]
    limit = 6 * max(sizes)
    cache = ShardCache(dataset, limit)
    reader = ShardReader(dataset, "train", cache=cache)
    assert tars(tmp_path) == []  # nothing is fetched before it is read
    plan, seen, most = plan_epoch(reader.bins, reader.places.shards, 8, [4], window=4), [], 0
    for rows in plan:
        reader.fetch_ahead(rows)
        for row in map(int, rows):
            facts = reader.table.row(row, named=True)
            with tarfile.open(stored.local(facts["shard"])) as tar:
                member = tar.extractfile(f"{facts['id']}.jpg")
                assert member is not None
                assert reader.jpeg(row) == member.read()
            seen.append(facts["id"])
        most = max(most, cache.held)
    assert sorted(seen) == sorted(reader.table["id"])
    assert 0 < most <= limit
    assert sum(path.stat().st_size for path in tars(tmp_path)) <= limit + 4 * max(sizes)  # some may be on their way


def test_a_limit_below_one_shard_still_reads(dataset: Output) -> None:
    reader = ShardReader(dataset, "train", cache=ShardCache(dataset, 1))
    assert len({reader.jpeg(row) for row in range(len(reader))}) == len(reader)


def test_shards_that_were_there_before_count_and_go_first(dataset: Output, tmp_path: Path) -> None:
    """The limit is that of the folder: a dataset after the other would fill the disk."""
    strangers = [tmp_path / "cache" / "objects" / f"{place:02}" / f"{place:064}.tar" for place in range(3)]
    for age, path in enumerate(strangers):
        path.parent.mkdir(parents=True)
        path.write_bytes(bytes(10_000))
        os.utime(path, (1000 + age, 1000 + age))
    names = ShardReader(dataset, "train").table["shard"]
    own = dataset.manifest.objects[names[0]].size
    reader = ShardReader(dataset, "train", cache=ShardCache(dataset, 20_000 + own))
    jpeg = reader.jpeg(0)
    assert [path.exists() for path in strangers] == [False, True, True]  # the oldest went, and no more than had to
    later = ShardReader(dataset, "train", cache=ShardCache(dataset, 1))
    assert later.jpeg(0) == jpeg
    assert len(tars(tmp_path)) == 1


def test_the_setting_is_the_limit_of_every_reader_of_a_job(
    stored: Output, store_settings: Settings, tmp_path: Path
) -> None:
    settings = store_settings.model_copy(update={"cache_limit": 12_345})
    dataset = JobIO(settings, TrainSemseg(dataset=stored.id, cluster="any"), tmp_path).input("shards", stored.id)
    assert ShardReader(dataset, "train").cache.limit == 12_345


def test_a_file_that_is_damaged_or_gone_is_fetched_again(dataset: Output, tmp_path: Path) -> None:
    jpeg = ShardReader(dataset, "train").jpeg(0)
    (path,) = tars(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + b"x")
    reader = ShardReader(dataset, "train")  # as a later process would
    assert reader.jpeg(0) == jpeg
    assert path.read_bytes() == whole
    path.unlink()  # by another process
    assert reader.jpeg(0) == jpeg


def test_a_shard_that_is_damaged_in_the_store_is_told(dataset: Output, store: Store) -> None:
    reader = ShardReader(dataset, "train")
    ref = dataset.manifest.objects[reader.table["shard"][0]]
    whole = store.get_bytes(DATA, ref.key)
    store.put_bytes(DATA, ref.key, whole[:-1] + b"x")
    try:
        with pytest.raises(OiError, match="its sha256 differs") as told:
            reader.jpeg(0)
        assert told.value.code == "damaged"
    finally:
        store.put_bytes(DATA, ref.key, whole)
    assert reader.jpeg(0)


@pytest.mark.parametrize("workers", [2, 7])
def test_batches_are_the_same_whatever_the_number_of_threads(dataset: Output, workers: int) -> None:
    found = []
    for count in (1, workers):
        learner = make_learner(dataset, Practice(workers=count))
        seed = [9, 0, 1]
        found.append(list(learner.learning_batches(learner.plan(seed), seed)))
    assert [batch.ids for batch in found[0]] == [batch.ids for batch in found[1]]
    for one, two in zip(*found, strict=True):
        assert torch.equal(one.photos, two.photos)
        assert torch.equal(one.targets, two.targets)
    assert sorted(image_id for batch in found[0] for image_id in batch.ids) == sorted(learner.train.table["id"])


def test_a_selection_reads_its_own_rows(dataset: Output) -> None:
    reader = ShardReader(dataset, "train")
    reader.places  # noqa: B018 - held by the reader, and not to be taken over by the selection
    chosen = reader.select(np.array([40, 3, 77]))
    assert [chosen.jpeg(row) for row in range(3)] == [reader.jpeg(row) for row in (40, 3, 77)]
    assert chosen.ids(np.array([0, 2])) == reader.ids(np.array([40, 77]))
