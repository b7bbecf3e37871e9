"""How a traced module becomes a shared library: by PyTorch's compiler, with both cores at work."""

import contextlib
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import Tensor
from torch.fx import GraphModule

OPTIONS: Mapping[str, str | int | bool] = {
    "fallback_random": True,
    # What the CPU can do is asked of the CPU, not by building a program for each vector width; if the C++
    # compiler cannot follow, nothing is built. And headers compiled beforehand, as dear as all the rest, pay
    # only from the fourth library on.
    "cpp.vec_isa_ok": True,
    "aot_inductor.precompile_headers": False,
    # The wrapper around the kernels runs as fast as with O1, and is compiled in three quarters of the time.
    "aot_inductor.compile_wrapper_opt_level": "Og",
}


def built(module: GraphModule, inputs: list[Tensor]) -> str:
    """Returns the path of a shared library that computes what `module` does of such `inputs`.

    Raises:
        Exception: of PyTorch's compiler, where it cannot be built.
    """
    from torch._inductor import aot_compile, codecache

    codecache.triton_key.prefetch()  # type: ignore[attr-defined]  # a hash of 400 MB, which it asks for later
    examples = tuple(tensor.detach() for tensor in inputs)
    with torch.no_grad(), wrapper_beside_kernels():
        path = aot_compile(module, examples, options=dict(OPTIONS))
    assert isinstance(path, str)
    return path


@contextlib.contextmanager
def wrapper_beside_kernels() -> Iterator[None]:
    """Lets PyTorch compile the kernels of a library while it compiles the wrapper that calls them.

    By itself it runs the C++ compiler on one after the other, and then links both.
    """
    from torch._inductor.cpp_builder import CppBuilder

    build = CppBuilder.build
    running: list[Future[None]] = []

    def beside(builder: CppBuilder) -> None:
        made = builder.get_target_file_path()
        if made.endswith(".wrapper.o"):
            running.append(pool.submit(build, builder))
            return
        if made.endswith(".so"):
            while running:
                running.pop().result()
        build(builder)

    with ThreadPoolExecutor(1) as pool:
        CppBuilder.build = beside  # type: ignore[method-assign, assignment]
        try:
            yield
        finally:
            CppBuilder.build = build  # type: ignore[method-assign]
