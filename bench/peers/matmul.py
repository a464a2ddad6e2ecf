"""How fast PyTorch multiplies matrices."""

from importlib.metadata import version


def products(size, count):
    """So many products of square matrices, one after another. `result`: nothing."""
    import torch

    first, second = torch.randn(size, size), torch.randn(size, size)
    out = torch.empty(size, size)

    def work():
        for _ in range(count):
            torch.mm(first, second, out=out)

    return work, f"PyTorch {version('torch')}", lambda _: []
