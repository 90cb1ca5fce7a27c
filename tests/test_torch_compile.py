"""torch.compile of a step: one graph, whatever the step and a Tensor lr; a float lr costs no more than torch's own."""

from __future__ import annotations

from typing import Any

import pytest

from test_torch import arrays, assert_close, optimizer, parameters, run

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.needs_torch]


def graphs() -> int:
    return torch._dynamo.utils.counters["stats"]["unique_graphs"]


@pytest.fixture(autouse=True)
def fresh() -> Any:
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    yield
    torch._dynamo.reset()


@pytest.mark.parametrize(("rule", "tensor"), [("adam", True), ("prodigy", True), ("adam", False), ("momentum", False)])
def test_learning_rates_that_change(rule: str, tensor: bool) -> None:
    """At every step: a Tensor compiles once, a float no oftener than with torch.optim's own."""
    values, grads = arrays(rule, 6)
    found = []
    for native in (False, True):
        torch._dynamo.reset()
        torch._dynamo.utils.counters.clear()
        params, others = parameters(values), parameters(values)
        opts = []
        for own in (params, others):
            lr: Any = torch.tensor(0.01, dtype=torch.float64) if tensor else 0.01
            its = torch.optim.Adam if rule != "momentum" else torch.optim.SGD
            opts.append(its(own, lr=lr) if native else optimizer(rule, own, lr=lr))
        step = torch.compile(opts[0].step, backend="aot_eager", fullgraph=not native)
        for g in grads:
            run(opts[0], params, [g], step)
            run(opts[1], others, [g])
            for opt in opts:  # as schedulers do it; the step that they wrap is one that torch does not follow
                if tensor:
                    opt.param_groups[0]["lr"].mul_(0.7)
                else:
                    opt.param_groups[0]["lr"] *= 0.7
        found.append(graphs())
        if not native:
            for p, q in zip(params, others, strict=True):
                assert_close(p, q.detach().numpy(), 1e-12)
    assert found[0] == 1 if tensor else found[0] <= found[1]


def test_a_compiled_function_around_the_step() -> None:
    """The gradient's scale and the step in one graph; parameters whose counts differ, and groups, among it."""
    results = []
    for compiled in (True, False):
        values, grads = arrays("adam", 6)
        values, grads = values[1:], [g[1:] for g in grads]  # torch loses what a graph writes into 0-d float64 gradients
        params = parameters(values)
        opt = optimizer("adam", [{"params": params[:3], "lr": 0.1}, {"params": params[3:], "maximize": True}])

        def train(params: list[Any] = params, opt: Any = opt) -> None:
            for p in params:
                p.grad.mul_(0.5)
            opt.step()

        run(opt, params, [[grads[0][0], *[None] * (len(params) - 1)]])
        run(opt, params, grads[1:], torch.compile(train, backend="aot_eager", fullgraph=True) if compiled else train)
        results.append((params, [opt.state[p]["step"].item() for p in params]))
    assert graphs() == 1 and results[0][1] == results[1][1] == [6.0] + [5.0] * (len(values) - 1)
    for p, q in zip(results[0][0], results[1][0], strict=True):
        assert_close(p, q.detach().numpy(), 1e-12)


@pytest.mark.every
@pytest.mark.parametrize("rule", ["adamw", "momentum", "prodigy"])
def test_the_default_backend(rule: str) -> None:
    values, grads = arrays(rule, 4)
    params, others = parameters(values), parameters(values)
    opt, plain = optimizer(rule, params), optimizer(rule, others)
    step = torch.compile(opt.step, fullgraph=True)
    run(opt, params, grads, step)
    run(plain, others, grads)
    for p, q in zip(params, others, strict=True):
        assert_close(p, q.detach().numpy(), 1e-12)
