"""PyTorch's optimizers without its compiler, which takes two seconds to import.

Methods of `torch.optim.Optimizer` are wrapped in functions that import the compiler to say that it is not to
trace them. Here they are without these wrappers, and compute the same.
"""

import inspect

import torch


class UncompiledOptimizer(torch.optim.Optimizer):
    """An optimizer that cannot be traced into a compiled graph; a subclass has a `step` of its own."""

    add_param_group = inspect.unwrap(torch.optim.Optimizer.add_param_group)
    zero_grad = inspect.unwrap(torch.optim.Optimizer.zero_grad)
    state_dict = inspect.unwrap(torch.optim.Optimizer.state_dict)
    load_state_dict = inspect.unwrap(torch.optim.Optimizer.load_state_dict)


class UncompiledAdam(UncompiledOptimizer, torch.optim.Adam):
    """`torch.optim.Adam`, bit for bit."""

    step = torch.no_grad()(inspect.unwrap(torch.optim.Adam.step))


class UncompiledAdamW(UncompiledOptimizer, torch.optim.AdamW):
    """`torch.optim.AdamW`, bit for bit."""

    step = torch.no_grad()(inspect.unwrap(torch.optim.AdamW.step))
