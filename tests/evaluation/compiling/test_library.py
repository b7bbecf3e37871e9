"""Functions as shared libraries: what they compute, what they are known by, and that none is built twice."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor
from torch.fx.passes.shape_prop import ShapeProp

from vaeline.evaluation.compiling import library as library_module
from vaeline.evaluation.compiling.computation import Computation
from vaeline.evaluation.compiling.library import Library

TABLE = torch.arange(3.0)
PROGRAM = """
import sys
import torch

torch.set_num_threads(int(sys.argv[1]))
from tests.evaluation.compiling.test_library import inputs, library

loaded = library()
loaded.load()
print(loaded.path, *loaded(inputs())[0].tolist())
print(*({"torch._dynamo", "torch._inductor", "sympy"} & {*sys.modules}))
"""


def scaled(tensors: list[Tensor]) -> list[Tensor]:
    weights, counter = tensors
    counter.add_(1)
    return [torch.exp(weights @ TABLE) / 3.0]


def inputs() -> list[Tensor]:
    return [torch.linspace(0, 1, 6).reshape(2, 3), torch.zeros(())]


def library() -> Library:
    return Library(scaled, inputs(), varying=[])


def text(function, tensors=None, varying=()) -> str:
    return Computation(tensors or inputs(), varying).of(function)


def test_library_is_built_once_and_then_found_without_the_compiler(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    # Headers compiled beforehand take as long as the rest.
    monkeypatch.setattr("torch._inductor.codecache._precompile_header", None, raising=False)
    torch.use_deterministic_algorithms(False)  # as in a new process, whatever ran before in this one
    built, given, expected = library(), inputs(), inputs()
    assert built.path.parent == tmp_path / "vaeline"
    assert not built.path.exists()
    builds, build = [], library_module.built
    monkeypatch.setattr(library_module, "built", lambda *of: builds.append(of) or build(*of))
    with ThreadPoolExecutor(2) as pool:  # two who need it at once
        list(pool.map(Library.load, (built, library())))
    assert len(builds) == 1
    torch.testing.assert_close(built(given), scaled(expected))
    assert given[1] == expected[1] == 1
    (found,), before = built(inputs()), built.path.stat()
    command = [sys.executable, "-c", PROGRAM, str(torch.get_num_threads())]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == [f"{built.path} {' '.join(map(str, found.tolist()))}", ""]
    assert built.path.stat() == before


def test_one_function_has_one_text_and_another_one_another():
    def other_number(tensors):
        tensors[1].add_(1)
        return [torch.exp(tensors[0] @ TABLE) / 4.0]

    def other_constant(tensors):
        tensors[1].add_(1)
        return [torch.exp(tensors[0] @ (TABLE + 1)) / 3.0]

    def other_result(tensors):
        scaled(tensors)
        return [tensors[1]]

    strided = [inputs()[0].T.contiguous().T, inputs()[1]]
    texts = [
        text(scaled),
        text(other_number),
        text(other_constant),
        text(other_result),
        text(scaled, strided),
    ]
    assert len(set(texts)) == len(texts)
    assert text(scaled) == texts[0]


def test_tensor_that_may_change_is_no_constant():
    with pytest.raises(ValueError, match=r"a tensor of \[3\] that may change is used as a constant"):
        text(scaled, varying=[TABLE])


def test_decision_by_what_a_tensor_holds_cannot_be_traced():
    def deciding(tensors):
        return [tensors[0] if tensors[1] > 0 else -tensors[0]]

    with pytest.raises(Exception, match="data-dependent"):
        Library(deciding, inputs(), varying=[]).traced()


def test_a_bias_is_added_apart_from_its_product_and_the_sum_is_the_same():
    def affine(tensors):
        bias, x, weight = tensors
        return [torch.addmm(bias, x, weight), torch.addmm(bias, x, weight, beta=0.5)]

    tensors = [torch.randn(3), torch.randn(5, 2), torch.randn(2, 3)]
    traced = Library(affine, tensors, varying=[]).traced()
    called = [node.target for node in traced.graph.nodes if node.op == "call_function"]
    assert called.count(torch.ops.aten.mm.default) == called.count(torch.ops.aten.addmm.default) == 1
    for result, expected in zip(traced(*tensors), affine(tensors), strict=True):
        torch.testing.assert_close(result, expected)


@pytest.mark.parametrize(("rows", "shape"), [(32, (512, 32)), (33, (33, 512))])
def test_few_rows_are_multiplied_from_the_other_side_and_the_product_is_the_same(rows, shape):
    def layer(tensors: list[Tensor]) -> list[Tensor]:
        bias, x, weight = tensors
        return [torch.nn.functional.linear(x, weight, bias)]

    tensors = [torch.randn(sizes) for sizes in ((512,), (rows, 512), (512, 512))]
    traced = Library(layer, tensors, varying=[]).traced()
    ShapeProp(traced).propagate(*tensors)
    (product,) = (node for node in traced.graph.nodes if node.target is torch.ops.aten.mm.default)
    assert product.meta["tensor_meta"].shape == shape
    torch.testing.assert_close(traced(*tensors), layer(tensors), rtol=1e-5, atol=1e-4)
