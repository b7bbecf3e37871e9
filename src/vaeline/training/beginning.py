"""A training at its beginning, as the params of the train stage and the prepared data determine it."""

from collections.abc import Iterator

from vaeline.core.params import StageParams
from vaeline.data.prepared import Prepared
from vaeline.evaluation.observing import evaluation_set, training_set
from vaeline.runtime import processes
from vaeline.runtime.seeding import set_seed
from vaeline.training.build import build
from vaeline.training.fit import fit
from vaeline.training.record import Record
from vaeline.training.state import Training
from vaeline.training.warm_start import start_from_checkpoint


def begin_training(params: StageParams, data: Prepared) -> tuple[Training, Iterator[Record]]:
    """Returns a training before its first step, and its epochs, each trained when it is asked for.

    A state that is loaded into the training before the first epoch is where the epochs go on from.

    Raises:
        VaelineError: for choices that do not go together, or an `init_from` that does not fit.
    """
    set_seed(params.seed)
    model, objective = build(params, data)
    processes.by_first(lambda: start_from_checkpoint(model, params))  # other hosts may lack it
    images, valid = training_set(model, data.train), evaluation_set(model, data.valid)
    training = Training.start(model, objective, params, len(images))
    return training, fit(training, images, valid, params)
