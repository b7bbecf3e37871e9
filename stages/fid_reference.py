"""fid_reference: the real half of every distance, and the classifier that is used besides Inception."""

from pathlib import Path

from vaeline.core.files import write_json
from vaeline.data.prepared import Prepared
from vaeline.evaluation.fid.classifier import CLASSIFIER_SEED, classifier_accuracy, train_classifier
from vaeline.evaluation.fid.images import Pictures, random_subset, sample_size
from vaeline.evaluation.fid.inception import inception_or_reason
from vaeline.evaluation.fid.reference import Reference
from vaeline.evaluation.params import FidReferenceParams
from vaeline.evaluation.undefined import without_images
from vaeline.runtime import processes
from vaeline.runtime.devices import device
from vaeline.runtime.seeding import set_seed
from vaeline.runtime.stage import run_stage

OUTPUT = Path("outputs/fid_reference")


def main(params: FidReferenceParams) -> None:
    set_seed(CLASSIFIER_SEED)
    target = device(params.device)
    data = Prepared.open()
    if line := without_images(data.shape, "Fréchet and kernel distances"):
        if processes.leads():
            write_json(OUTPUT / "features" / "facts.json", line)
            write_json(OUTPUT / "metrics.json", line)
        return
    inception, skipped = inception_or_reason(params.fid_inception, target, data.shape[0])
    n = sample_size(params.fid_samples, len(data.test), len(data.valid))
    train, valid, test = (Pictures(s.values, data.scaling) for s in (data.train, data.valid, data.test))
    classifier = train_classifier(train, data.train.labels, len(data.classes), target)
    share, error = classifier_accuracy(classifier, test, data.test.labels, len(data.classes))

    # Real against real: valid comes from the distribution that the model learns, and is not trained on. Its
    # distance is what a perfect model would reach; not zero, for n is finite, and test may differ in writers.
    real, held_out = random_subset(test, n), random_subset(valid, n)
    reference = Reference.measure(real, held_out, classifier, inception, params.fid_inception, skipped)
    if not processes.leads():
        return
    reference.save(OUTPUT / "features")
    used = f"used, weights {reference.weights}" if inception else "skipped"
    accuracy = {"classifier_accuracy": share, "classifier_accuracy_se": error}
    write_json(OUTPUT / "metrics.json", accuracy | {"fid_samples": n, "inception": used})
    print(f"{n} real images; classifier accuracy {share:.4f} ± {error:.4f}")
    print(f"Inception: {skipped or used}")


if __name__ == "__main__":
    run_stage("fid_reference", main)
