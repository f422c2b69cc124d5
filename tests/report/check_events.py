"""Opens the event files of a run's folder with TensorBoard's own reader and compares them with its metrics.csv.

Needs the tensorboard package; for developers, no part of tests/run.sh: python3 tests/report/check_events.py runs/compact-batch
"""

import csv
import pathlib
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

COLUMNS = {
    "accuracy/train": "train_accuracy",
    "accuracy/test": "test_accuracy",
    "loss/train": "train_loss",
    "loss/test": "test_loss",
    "learning_rate": "lr",
    "seconds_per_epoch": "seconds",
    "images_per_second": "images_per_second",
}


def main(folder):
    with open(pathlib.Path(folder) / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    events = EventAccumulator(str(folder))
    events.Reload()
    tags = events.Tags()["scalars"]
    assert sorted(tags) == sorted(COLUMNS), f"expected the tags {sorted(COLUMNS)}, got {sorted(tags)}"
    for tag, column in COLUMNS.items():
        read = [(event.step, event.value) for event in events.Scalars(tag)]
        assert [step for step, _ in read] == [int(row["epoch"]) for row in rows], f"{tag}: expected a step for every epoch, got {read}"
        for (step, value), row in zip(read, rows):
            expected = float(row[column])
            assert abs(value - expected) <= 1e-3 + 1e-3 * abs(expected), f"{tag}, epoch {step}: expected {expected}, got {value}"
    print(f"{len(tags)} tags of {len(rows)} epochs agree with metrics.csv")


if __name__ == "__main__":
    main(sys.argv[1])
