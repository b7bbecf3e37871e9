"""What a function of tensors computes, as text: two functions with one text are the same function."""

import hashlib
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

TensorFunction = Callable[[list[Tensor]], list[Tensor]]


class Computation(TorchDispatchMode):
    """Writes down each operation, with its numbers and the names of its tensors: all that is computed."""

    def __init__(self, inputs: list[Tensor], varying: Sequence[Tensor]) -> None:
        super().__init__()
        self._inputs, self._varying = inputs, {tensor.data_ptr() for tensor in varying if tensor.numel()}
        self._names: dict[int, str] = {}
        self._kept: list[Tensor] = []  # or another tensor could have the same id
        self._lines = [f"{self._named(t)} {t.dtype} {[*t.shape]} {t.stride()}" for t in inputs]

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # or the compiler is imported, to keep it away from the method below

    def of(self, function: TensorFunction) -> str:
        """Returns what a function computes of the inputs, as text."""
        with self:
            results = function(self._inputs)
        return "\n".join([*self._lines, self._text(results)])

    def __torch_dispatch__(
        self, func: object, types: object, args: tuple[object, ...] = (), kwargs: object = None
    ) -> object:
        taken = f"{self._text(args)} {self._text(kwargs or {})}"
        result = func(*args, **(kwargs or {}))  # type: ignore[operator, arg-type]
        for tensor in result if isinstance(result, tuple | list) else [result]:
            if isinstance(tensor, Tensor):
                self._named(tensor)
        self._lines.append(f"{func} {taken} {self._text(result)}")
        return result

    def _named(self, tensor: Tensor) -> str:
        if id(tensor) not in self._names:
            self._names[id(tensor)] = f"t{len(self._kept)}"
            self._kept.append(tensor)
        return self._names[id(tensor)]

    def _text(self, value: object) -> str:
        if isinstance(value, Tensor):
            if id(value) in self._names:
                return self._names[id(value)]
            if value.data_ptr() in self._varying:
                raise ValueError(f"a tensor of {[*value.shape]} that may change is used as a constant")
            return f"{self._named(value)} = {value.dtype} {[*value.shape]} {digest(_bytes(value))}"
        if isinstance(value, tuple | list):
            return f"[{', '.join(map(self._text, value))}]"
        if isinstance(value, dict):
            return f"{{{', '.join(f'{key}: {self._text(value[key])}' for key in sorted(value))}}}"
        return repr(value)


def _bytes(constant: Tensor) -> bytes:
    content: bytes = constant.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    return content


def digest(*parts: str | bytes) -> str:
    """Returns a hash of all parts."""
    hashed = hashlib.sha256()
    for part in parts:
        hashed.update(part if isinstance(part, bytes) else part.encode())
        hashed.update(b"\0")
    return hashed.hexdigest()
