"""Accuracy of the small classifiers: in float, in int8 on this computer, and in int8 on microcontrollers.

Run ``python -m guests.models.evaluate`` for the table of docs/models.md; ``--boards esp32s3 mps2-an386`` runs every
test example on these boards, too. Needs ``edgesim[inference]``; TensorFlow is not needed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from guests.mcu.nn import convert

FOLDER = Path(__file__).parent


_CLASSIFIER = FOLDER.parent / "mcu" / "services" / "classifier.c"

#: Slowest board's million instructions per second, from which the duration of a run is reckoned.
_LEAST_MIPS = 15


class Shipped(NamedTuple):
    """A classifier that is shipped, and its test set.

    Parameters:
        name: of the model's file, without ``_int8.tflite``
        data: name of the test set's file, without ``.npz``
        folder: where the models are, with ``data`` in it
    """

    name: str
    data: str
    folder: Path = FOLDER

    @property
    def model(self) -> Path:
        """The model's file."""
        return self.folder / f"{self.name}_int8.tflite"

    @property
    def test_set(self) -> Path:
        """The test set's file."""
        return self.folder / "data" / f"{self.data}.npz"

    def examples(self) -> tuple[NDArray[np.int8], NDArray[np.int32], list[str]]:
        """Read the test set: inputs int8[n, *shape], classes int32[n], names of the classes."""
        with np.load(self.test_set, allow_pickle=False) as file:
            return file["q"], file["y"], file["classes"].tolist()

    def float_accuracy(self) -> float:
        """Return what the training script measured."""
        known = json.loads((self.folder / "data" / "accuracy.json").read_text())
        return float(known[self.name])


SHIPPED = (
    Shipped("motion", "motion"),
    Shipped("gesture", "gesture"),
    Shipped("digits_mlp", "digits"),
    Shipped("digits_cnn", "digits"),
    Shipped("ecg", "ecg"),
)


def run_reference(model: Path, inputs: NDArray[np.int8]) -> NDArray[np.int8]:
    """Run LiteRT's reference kernels.

    Parameters:
        model: a .tflite file
        inputs: int8[n, *shape of its input]

    Returns:
        Its outputs, int8[n, 1, classes].

    Raises:
        ModuleNotFoundError: ai-edge-litert is not installed.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_path=str(model), experimental_op_resolver_type=OpResolverType.BUILTIN_REF, num_threads=1
    )
    interpreter.allocate_tensors()
    (source,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
    outputs = []
    for example in inputs:
        interpreter.set_tensor(source["index"], example)
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(result["index"]))
    return np.stack(outputs)


_NATIVE_MAIN = """
#include "nn.h"
#include <stdio.h>
int main(void)
{
    while (fread(model_arena + model.inputs[0].offset, 1, model.inputs[0].bytes, stdin) == model.inputs[0].bytes) {
        nn_invoke(&model, model_arena);
        fwrite(model_arena + model.outputs[0].offset, 1, model.outputs[0].bytes, stdout);
    }
    return 0;
}
"""


def run_native(model: Path, inputs: NDArray[np.int8], compiler: str = "cc") -> NDArray[np.int8]:
    """Run the C that the firmware is made of, compiled for this computer.

    Parameters:
        model: a .tflite file, converted by guests/mcu/nn
        inputs: int8[n, *shape of its input]
        compiler: of C for this computer

    Returns:
        Its outputs, int8[n, 1, classes].

    Raises:
        RuntimeError: there is no such compiler.
        subprocess.CalledProcessError: the C cannot be compiled.
    """
    if shutil.which(compiler) is None:
        raise RuntimeError(f"there is no C compiler '{compiler}'; apt install gcc")
    conversion = convert(model)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "model.c").write_text(conversion.c_source)
        (folder / "main.c").write_text(_NATIVE_MAIN)
        sources = [folder / "model.c", folder / "main.c", *conversion.sources]
        include = [f"-I{path}" for path in conversion.include_dirs]
        program = folder / "model"
        subprocess.run([compiler, "-std=c11", "-O2", *include, *map(str, sources), "-o", str(program)], check=True)
        done = subprocess.run([str(program)], input=inputs.tobytes(), capture_output=True, check=True)
    (output,) = conversion.outputs
    return np.frombuffer(done.stdout, np.int8).reshape(-1, *output.shape)


def accuracy(outputs: NDArray[np.int8], classes: NDArray[np.int32]) -> float:
    """Return the share of examples whose greatest output is that of their class; the first of equal ones counts."""
    return float(np.mean(outputs.reshape(len(classes), -1).argmax(axis=1) == classes))


class Board(NamedTuple):
    """A microcontroller in the simulator.

    Parameters:
        machine: the board's name
        backend: who emulates it, as in a scenario
    """

    machine: str
    backend: str = "auto"


class BoardRun(NamedTuple):
    """What a microcontroller said about a test set.

    Parameters:
        accuracy: share of examples that it named rightly
        answered: examples that it answered
        equal: answers with the very bytes that were expected
        examples: of the test set
    """

    accuracy: float
    answered: int
    equal: int
    examples: int


def run_board(board: Board, shipped: Shipped, expected: NDArray[np.int8], out: Path) -> BoardRun:
    """Play a test set to the firmware on a board, example by example.

    Parameters:
        board: which
        shipped: model and test set
        expected: outputs of the reference for the whole test set, int8[n, 1, classes]
        out: a new folder for scenario and report

    Raises:
        RuntimeError: the run failed; the text is the simulator's last line.
    """
    out.mkdir(parents=True)
    scenario = out / "evaluate.json"
    scenario.write_text(json.dumps(_scenario(board, shipped, expected), indent=2))  # JSON is YAML, too
    command = [sys.executable, "-c", "from sim.entry import main; main()", "run", str(scenario), "--json"]
    done = subprocess.run([*command, "--out", str(out / "report")], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise RuntimeError(f"{shipped.name} on {board.machine}: {last}")
    figures = json.loads(done.stdout)["metrics"]["scores"]
    wanted = [hashlib.blake2b(tensor.tobytes(), digest_size=16).hexdigest() for tensor in expected]
    answers = _answers(out / "report" / "trace.log")
    equal = sum(digest == wanted[example] for example, digest in answers.items())
    return BoardRun(figures["accuracy"], len(answers), equal, len(expected))


def _scenario(board: Board, shipped: Shipped, expected: NDArray[np.int8]) -> Mapping[str, Any]:
    conversion = convert(shipped.model)
    (given,), (said,) = conversion.inputs, conversion.outputs
    seconds = 1 + len(expected) * (50 * conversion.report.macs + 100_000) // (_LEAST_MIPS * 1_000_000)
    service = {"run": str(_CLASSIFIER), "settings": {"model": str(shipped.model)}}
    channel = {"depth": 4, "overflow": "block"}
    return {
        "name": f"evaluate_{shipped.name}",
        "time": {"mode": "virtual", "quantum": "10ms", "duration": f"{seconds}s"},
        "host": {"cores": 1, "memory": "512M"},
        "partitions": {
            "node": {"machine": board.machine, "backend": board.backend, "services": {"classifier": service}}
        },
        "devices": {
            "examples": {"kind": "recording", "source": str(shipped.test_set), "array": "q", "rate": "1000Hz"},
            "answers": {"kind": "sink"},
        },
        "channels": {
            "input": {"from": "examples", "to": "node.classifier.input", "tensor": _tensor(given.shape), **channel},
            "scores": {"from": "node.classifier.scores", "to": "answers", "tensor": _tensor(said.shape), **channel},
        },
        "metrics": {"scores": {"kind": "classification", "channel": "scores", "truth": "examples", "labels": "y"}},
    }


def _tensor(shape: tuple[int, ...]) -> str:
    return f"int8[{','.join(map(str, shape))}]"


def _answers(trace: Path) -> dict[int, str]:
    """Return the digest of each answer, by the number of the example that it is about (sim/host/channel.py)."""
    lines = (line.split() for line in trace.read_text().splitlines())
    return {int(facts[5]): facts[-1] for facts in lines if facts[1:3] == ["tensor", "scores"]}


def _row(shipped: Shipped, boards: Sequence[Board], out: Path) -> list[str]:
    inputs, classes, _ = shipped.examples()
    reference = run_reference(shipped.model, inputs)
    native = run_native(shipped.model, inputs)
    cells = [
        shipped.name,
        f"{shipped.model.stat().st_size:,}",
        f"{convert(shipped.model).report.macs:,}",
        str(len(classes)),
        f"{shipped.float_accuracy():.3f}",
        f"{accuracy(reference, classes):.3f}",
        _told(
            BoardRun(
                accuracy(native, classes),
                len(native),
                int((native == reference).all(axis=(1, 2)).sum()),
                len(reference),
            )
        ),
    ]
    return cells + [_told(run_board(board, shipped, reference, out / board.machine / shipped.name)) for board in boards]


def _told(run: BoardRun) -> str:
    whole = run.equal == run.answered == run.examples
    return f"{run.accuracy:.3f}, equal" if whole else f"{run.accuracy:.3f}, {run.equal}/{run.examples} equal"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=[shipped.name for shipped in SHIPPED], metavar="NAME")
    parser.add_argument("--boards", nargs="+", default=[], metavar="BOARD", help="such as esp32s3 or esp32s3=qemu")
    chosen = parser.parse_args()
    boards = [Board(*text.split("=", 1)) for text in chosen.boards]
    names = ["model", "bytes", "MACs", "examples", "float", "int8", "int8, firmware's C on this computer"]
    names += [f"int8, {text}" for text in chosen.boards]
    print(f"| {' | '.join(names)} |\n|{' --- |' * len(names)}")
    with tempfile.TemporaryDirectory() as folder:
        for shipped in SHIPPED:
            if chosen.models is None or shipped.name in chosen.models:
                try:
                    print(f"| {' | '.join(_row(shipped, boards, Path(folder)))} |", flush=True)
                except RuntimeError as error:
                    parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
