"""`oi torchrun`: a training by several processes of one machine, as the pod of several GPUs runs it."""

import logging
import os
import signal
import sys
from collections.abc import Collection
from typing import Annotated

import typer

from oi_tasks.commands import for_example
from oi_tasks.commands.steps import PANEL
from oi_tasks.errors import BadInput, Stopped
from oi_tasks.pods.manifest import TRAINING

app = typer.Typer()
GRACE = 100  # seconds in which the processes save their state after SIGTERM; a pod has 120
OWN_WORDS = (2, 3, 4, 75)  # statuses by which a job says what its failure means


@app.command(
    "torchrun",
    epilog=for_example("oi torchrun 2 train_classifier --profile demo --set dataset=$DATASET"),
    rich_help_panel=PANEL,
    short_help="Train with several processes, one for each GPU.",
    context_settings={"allow_interspersed_args": False},  # what follows the number is the training's
)
def torchrun(
    processes: Annotated[
        int, typer.Argument(min=1, help="how many, one for each GPU; without a GPU they share the CPU")
    ],
    words: Annotated[list[str], typer.Argument(help="the training and its options, as after `oi`")],
) -> None:
    """Train with several processes: `oi torchrun 2 train_classifier --profile …`. The batch is that of all together.

    Ends with the status of the job itself, which torchrun alone would lose.
    """
    if words[0] not in TRAINING:
        raise BadInput(
            f"{words[0]} does not train", fix=f"only {', '.join(TRAINING)} run in several processes", code="usage"
        )
    _enough_gpus(processes)
    from oi_tasks.training.device import cores

    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores() // processes)))  # torchrun would say 1
    logging.disable(logging.CRITICAL)  # of torchrun here, not of the processes: the job's own line is the last one
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import parse_args, run

    how = ["--standalone", "--nproc-per-node", str(processes), "--shutdown-timeout", str(GRACE), "--no-python"]
    try:
        run(parse_args([*how, sys.argv[0], *words]))
    except ChildFailedError as error:
        sys.exit(status_of([failure.exitcode for _, failure in sorted(error.failures.items())]))
    except SignalException as error:
        if error.sigval == signal.SIGINT:
            raise KeyboardInterrupt from None
        raise Stopped(f"the {processes} processes of {words[0]} were told to stop, and to save their state") from None


def status_of(exits: Collection[int]) -> int:
    """Of several failures the status that tells most: what the job says itself, before what befell the others."""
    said = next((code for code in exits if code in OWN_WORDS), None)
    first = next(iter(exits), 1)
    return said if said is not None else 128 - first if first < 0 else first


def _enough_gpus(processes: int) -> None:
    import torch

    there = torch.cuda.device_count()
    if 0 < there < processes:
        raise BadInput(
            f"{processes} processes need as many GPUs, and here are {there}", fix="see pods.gpu.gpus", code="gpus"
        )
