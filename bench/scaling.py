"""What Open Images V4 in full takes, and whether it fits into a night: `python -m bench.scaling`.

It prints the tables of docs/scaling.md. Each figure stands here with where it comes from.
"""

from collections.abc import Iterator

from bench.nightly import Cluster, Work, night
from oi_tasks.core.aspect import canvas
from oi_tasks.profile import load_profile

PROFILE = load_profile("openimages-v4")
# Kuznetsova et al. 2020, The Open Images Dataset V4: photos with boxes to train on, of the test split, and their boxes.
PHOTOS, TEST_PHOTOS, BOXES = 1_743_042, 125_436, 14_610_229
# Shares of the aspect bins among the sizes of V4's 41,620 validation photos.
BINS = {"1x1": 0.543, "2x1": 0.380, "1x2": 0.077}
# python -m bench.scaling_measure on 400 Open Images scenes, one core, 2026-11-26.
STORED, DECODED, FORWARD_CORE, FORWARD_PIXELS = 18_184, 3_071, 5.48, 256 * 128
GETS = 1_834  # GET/s of MinIO on 2 cores, measured here
# NVIDIA DeepLearningExamples, ResNet-50 v1.5 for PyTorch, DGX A100 80GB, container 21.03: photos/s on 1 and 8 GPUs.
A100 = {"fp32": (938, 7_248), "bf16": (2_470, 16_621)}
# timm, results/benchmark-{train,infer}-amp-nhwc-pt112-cu113-rtx3090.csv: ResNet-152 against ResNet-50, and its
# forward pass against its training step.
OF_RESNET50, FORWARD = 501.44 / 1_218.01, 1_571.71 / 501.44
PIXELS = 224 * 224  # of these published figures
# AWS p4d.24xlarge, 8 A100: on demand 32.77 $/h (2024), and in a capacity block 14.75 $/h (AWS, end of 2024).
PRICES = {"on demand": 32.77 / 8, "capacity block": 14.75 / 8}
FEW, MANY = 1.0, BOXES / PHOTOS  # clusters that a photo is in: at least one; at most one for each of its boxes
NIGHT, CORES, NIGHTS = 8.0, 16, 200  # hours; cores of the pod that evaluates; simulated nights
BACK = 0.25  # hours until a taken node is replaced: a what-if, as are the hours between losses
SIZES = ((1, 1), (8, 1), (8, 8), (64, 8))  # GPUs in all, GPUs a pod


def pixels() -> float:
    """Of an average photo at the profile's size."""
    side = round(PROFILE.photos.long_side * PROFILE.photos.resolution)
    return sum(share * canvas(name, side)[0] * canvas(name, side)[1] for name, share in BINS.items())


def speed(precision: str, gpus: int) -> float:
    """Photos a second that a pod of 1 or 8 GPUs learns from."""
    return A100[precision][gpus > 1] * OF_RESNET50 * PIXELS / pixels()


def classifier_hours(precision: str, gpus: int) -> float:
    """The frozen stage runs the encoder once and keeps what it gives; then come whole epochs."""
    epochs = PROFILE.classifier.epochs
    passes = epochs.unfrozen + epochs.each_stage + (1 / FORWARD if epochs.frozen else 0)
    return PHOTOS * passes / speed(precision, gpus) / 3600


def semseg_hours(precision: str, gpus: int, clusters_a_photo: float, epochs: int) -> float:
    """Of all clusters together. Their decoder is not counted."""
    return PHOTOS * clusters_a_photo * (1 + PROFILE.semseg.negatives) * epochs / speed(precision, gpus) / 3600


def evaluate_core_hours(clusters_a_photo: float) -> float:
    """Candidate and champion on the test photos, on the CPU: the classifier and each cluster's encoder."""
    rate = FORWARD_CORE * FORWARD_PIXELS / pixels()
    return 2 * TEST_PHOTOS * (1 + clusters_a_photo) / rate / 3600


def steps(precision: str, gpus: int, clusters_a_photo: float, epochs: int) -> list[Work]:
    """The pods of a night with a new dataset."""
    count = PROFILE.clusters.max
    names = [f"train_semseg {number}" for number in range(count)]
    each = semseg_hours(precision, gpus, clusters_a_photo, epochs) / count
    return [
        Work("train_classifier", gpus, classifier_hours(precision, gpus)),
        *(Work(name, gpus, each, ("train_classifier",)) for name in names),
        Work("evaluate", 0, evaluate_core_hours(clusters_a_photo) / CORES, tuple(names)),
    ]


def table(head: tuple[str, ...], rows: Iterator[tuple[object, ...]]) -> str:
    """A table in Markdown."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def needs() -> Iterator[tuple[object, ...]]:
    """What the data and one pod of 8 GPUs take."""
    per_shard = PROFILE.photos.per_shard
    shards = -(-PHOTOS // per_shard)
    fast = speed("bf16", 8)
    yield "photos to train on", f"{PHOTOS:,}, {STORED / 1e3:.1f} kB each at {pixels():,.0f} pixels on average"
    yield "shards", f"{shards:,} of {per_shard * STORED / 1e6:.0f} MB, {PHOTOS * STORED / 2**30:.1f} GiB in all"
    yield "photos/s, 1 GPU", f"{speed('fp32', 1):,.0f} in fp32 (TF32), {speed('bf16', 1):,.0f} in bf16"
    yield "photos/s, 8 GPUs", f"{speed('fp32', 8):,.0f} in fp32 (TF32), {fast:,.0f} in bf16"
    yield (
        "from the store, 8 GPUs in bf16",
        f"{fast * STORED / 1e6:.0f} MB/s in {fast / per_shard:.1f} GET/s of {GETS:,}",
    )
    yield "cores that decode, the same", f"{fast / DECODED:.1f}, without augmentation"
    yield "memory of a reader", f"{2 * 16 * per_shard * STORED / 2**30:.2f} GiB: two windows of 16 shards"
    yield "kept features, frozen stage", f"{PHOTOS * 2048 * 4 / 2**30:.1f} GiB of at most 16 GiB on disk"
    yield "pods", f"1 classifier, {PROFILE.clusters.max} segmentation, 1 evaluation"
    low, high = evaluate_core_hours(FEW), evaluate_core_hours(MANY)
    yield "evaluation, on the CPU", f"{low:.0f} to {high:.0f} core-hours"


def nights(precision: str, epochs: int) -> Iterator[tuple[object, ...]]:
    """Hours, price and simulated nights for each number of GPUs."""
    for gpus, each in SIZES:
        few, many = (steps(precision, each, clusters, epochs) for clusters in (FEW, MANY))
        paid = [sum(one.hours * one.gpus for one in work) for work in (few, many)]
        price = " / ".join(f"{paid[0] * rate:,.0f} to {paid[1] * rate:,.0f} $" for rate in PRICES.values())
        hours = [night(work, Cluster(gpus)) or float("nan") for work in (few, many)]
        fits = [share(few, Cluster(gpus, lost_every=lost, back_after=BACK)) for lost in (24.0, 4.0)]
        yield gpus, each, f"{hours[0]:.1f} to {hours[1]:.1f}", price, *fits


def share(work: list[Work], cluster: Cluster) -> str:
    """Of many simulated nights those that end in time, and those in which a step failed in its last try."""
    ends = [night(work, cluster, seed) for seed in range(NIGHTS)]
    fit = sum(end is not None and end <= NIGHT for end in ends) / NIGHTS
    return f"{fit:.0%}, {sum(end is None for end in ends) / NIGHTS:.0%} fail"


HEAD = ("GPUs", "a pod", "hours", "price: " + " / ".join(PRICES), "in 8 h, a GPU lost every 24 h", "every 4 h")


def main() -> None:
    """Print all tables."""
    whole = PROFILE.semseg.epochs.unfrozen
    print(table(("what", "how much"), needs()))
    print(f"\nThe profile as it is shipped (fp32, {whole} epochs of masks):\n")
    print(table(HEAD, nights("fp32", whole)))
    print("\nWith `precision: bf16` of classifier and masks, and `semseg.epochs.unfrozen: 4`:\n")
    print(table(HEAD, nights("bf16", 4)))


if __name__ == "__main__":
    main()
