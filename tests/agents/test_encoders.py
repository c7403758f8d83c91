"""Encoders: causal, the same in one call or several, the same along windows or sequences."""

import pytest
import torch
from torch import nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from drltrade.agents.encoders import Encoder, NetworkConfig, make_encoder
from drltrade.agents.encoders.cnn import layers_to_reach, reach_of
from drltrade.agents.initialisation import initialise
from drltrade.agents.noisy import draw_from
from drltrade.errors import ConfigError
from drltrade.settings import parse

WINDOW, FEATURES, WIDTH = 6, 3, 5
SMALL = {"units": 8, "layers": 2, "heads": 2, "kernel": 3, "context": 4}
NAMES = ["mlp", "cnn", "lstm", "gru", "transformer"]
MEMORIES = [(name, "window") for name in NAMES] + [(name, "history") for name in NAMES[1:]]
# Each on one asset, and on two by turns with and without attention between them.
CASES = [(n, m, 1, False) for n, m in MEMORIES] + [
    (n, m, 2, i % 2 == 0) for i, (n, m) in enumerate(MEMORIES)
]
every_case = pytest.mark.parametrize(("name", "memory", "assets", "across"), CASES)


def build(name: str, memory: str = "window", assets: int = 1, across: bool = False, **more):
    config = NetworkConfig(encoder=name, memory=memory, cross_asset=across, **SMALL | more)
    encoder = make_encoder(config, (WINDOW, assets * FEATURES), WIDTH, assets)
    initialise(encoder, torch.Generator().manual_seed(0))
    for parameter in encoder.parameters():  # no bias or norm hides behind a zero or a one
        parameter.data += 0.1 * torch.randn(
            parameter.shape, generator=torch.Generator().manual_seed(1)
        )
    return encoder


def bars(length: int, assets: int = 1, batch: int = 4, seed: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, length, assets * FEATURES, generator=generator)


def close(one: torch.Tensor, other: torch.Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


@every_case
def test_embeddings_have_the_width_asked_for(name, memory, assets, across):
    encoder = build(name, memory, assets, across)
    assert encoder(bars(WINDOW, assets)).shape == (4, assets * WIDTH)
    embeddings, state = encoder.sequence(bars(9, assets))
    assert embeddings.shape == (4, 9, assets * WIDTH)
    assert encoder.width == assets * WIDTH
    assert all(part.shape[: 1 + (assets > 1)] == (4, 2)[: 1 + (assets > 1)] for part in state)


@every_case
def test_a_window_is_embedded_as_the_end_of_a_sequence(name, memory, assets, across):
    encoder = build(name, memory, assets, across)
    windows = bars(WINDOW, assets)
    close(encoder(windows), encoder.sequence(windows)[0][:, -1])


@every_case
@pytest.mark.parametrize("cuts", [(1,), (3, 4), (2, 9), (11,)])
def test_a_sequence_in_parts_equals_the_whole(name, memory, assets, across, cuts):
    encoder, whole = build(name, memory, assets, across), bars(13, assets)
    expected, end = encoder.sequence(whole)
    parts, state = [], None
    for part in whole.tensor_split(cuts, 1):
        embeddings, state = encoder.sequence(part, state)
        parts.append(embeddings)
    close(torch.cat(parts, 1), expected)
    assert len(state) == len(end)
    for part, other in zip(state, end, strict=True):
        close(part, other)


@every_case
def test_a_state_of_zeros_is_no_state(name, memory, assets, across):
    encoder, whole = build(name, memory, assets, across), bars(7, assets)
    expected, state = encoder.sequence(whole)
    # One account starts anew, the others go on.
    anew = torch.tensor([False, True, False, False])
    for part in state:
        part[anew] = 0
    embeddings, _ = encoder.sequence(whole, state)
    close(embeddings[1], expected[1])
    assert not torch.allclose(embeddings[0, 0], expected[0, 0])


@every_case
def test_a_bar_changes_no_embedding_before_it_and_those_within_reach(name, memory, assets, across):
    encoder, changed = build(name, memory, assets, across), 3
    reach = encoder.reach
    before = bars(30, assets)
    after = before.clone()
    after[:, changed] += 1.0
    moved = (encoder.sequence(before)[0] - encoder.sequence(after)[0]).abs().amax((0, 2))
    assert (moved[:changed] == 0).all()
    assert moved[changed] > 1e-3
    if reach is None:
        assert (moved[changed:] > 0).all()
    else:
        assert (moved[changed + reach :] < 1e-6).all()
        assert (moved[changed : changed + reach] > 1e-7).all()


def test_reaches():
    reaches = {(name, memory): build(name, memory).reach for name, memory in MEMORIES}
    # cnn: two layers of kernel 3 see 1 + 2 (1 + 2) = 7 bars, enough for a window of 6.
    # transformer: two layers look back 5 bars each (window), or 3 (context 4).
    assert reaches == {
        ("mlp", "window"): 6, ("cnn", "window"): 7, ("cnn", "history"): 7,
        ("lstm", "window"): None, ("lstm", "history"): None,
        ("gru", "window"): None, ("gru", "history"): None,
        ("transformer", "window"): 11, ("transformer", "history"): 7,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("window", "layers", "expected"), [(3, 1, 1), (4, 1, 2), (30, 1, 4), (31, 1, 4), (4, 3, 3)]
)
def test_a_cnn_on_windows_has_the_layers_to_see_them_whole(window, layers, expected):
    config = NetworkConfig(encoder="cnn", layers=layers, units=4)
    encoder = make_encoder(config, (window, 2), 3)
    assert len(encoder.layers) == expected
    windows = torch.randn(1, window, 2, requires_grad=True)
    encoder(windows).sum().backward()
    assert (windows.grad != 0).any(-1).all()
    history = make_encoder(NetworkConfig(encoder="cnn", memory="history", units=4), (window, 2), 3)
    assert history.reach == 3


def test_the_layers_of_a_cnn_by_hand():
    assert [reach_of(3, n) for n in (1, 2, 3, 4)] == [3, 7, 15, 31]
    assert [layers_to_reach(n, 2) for n in (1, 2, 3, 4, 5, 64)] == [1, 1, 2, 2, 3, 6]


def test_a_convolution_by_hand():
    config = NetworkConfig(encoder="cnn", units=1, layers=2, kernel=2, activation="relu")
    encoder = make_encoder(config, (4, 1), 1)
    for layer in encoder.layers:
        layer.convolution.weight.data[:] = torch.tensor([1.0, 10.0])  # earlier bar, this bar
        layer.convolution.bias.data[:] = 0
    encoder.linear.weight.data[:], encoder.linear.bias.data[:] = 1, 0
    # Layer 0: 10, 21, 32, 43; layer 1 two bars apart, plus what it was given.
    expected = torch.tensor([10 + 100, 21 + 210, 32 + 320 + 10, 43 + 430 + 21.0])
    whole = torch.tensor([1.0, 2.0, 3.0, 4.0]).view(1, 4, 1)
    torch.testing.assert_close(encoder.sequence(whole)[0].flatten(), expected)
    torch.testing.assert_close(encoder(whole).flatten(), expected[-1:])


@pytest.mark.parametrize("length", [1, 3, 4, 5, 8, 11])
def test_attention_in_blocks_equals_a_masked_matrix(length):
    block = build("transformer", "history", layers=1).blocks[0]
    x = torch.randn(2, length, 8, generator=torch.Generator().manual_seed(3))
    normal = block.norm(x)
    query, key, value = (
        layer(normal).view(2, length, 2, 4).transpose(1, 2)
        for layer in (block.attention.query, block.attention.key, block.attention.value)
    )
    place = torch.arange(length)
    distance = place[:, None] - place
    slopes = torch.tensor([2.0**-4, 2.0**-8])
    logits = query @ key.transpose(2, 3) / 2 - slopes[:, None, None] * distance
    logits = logits.masked_fill((distance < 0) | (distance >= 4), -torch.inf)
    found = (logits.softmax(-1) @ value).transpose(1, 2).reshape(2, length, 8)
    expected = block.feed_forward(x + block.attention.merge(found))
    close(block(x)[0], expected)
    close(block.last(x), expected[:, -1])


def test_a_transformer_runs_along_sequences_longer_than_its_context():
    encoder = build("transformer", "history")
    assert encoder.sequence(bars(500))[0].isfinite().all()


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_recurrent_states_are_those_of_torch(name):
    encoder, whole = build(name, "history"), bars(9)
    outputs, end = encoder.recurrent(whole)
    embeddings, state = encoder.sequence(whole)
    close(embeddings, encoder.linear(outputs))
    for part, expected in zip(state, end if name == "lstm" else (end,), strict=True):
        torch.testing.assert_close(part, expected.transpose(0, 1))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mlp", 6 * 3 * 5 + 5),
        ("cnn", (3 * 3 * 8 + 8) + (3 * 8 * 8 + 8) + (8 * 5 + 5)),
        ("lstm", 4 * 8 * (3 + 8 + 2) + 4 * 8 * (8 + 8 + 2) + (8 * 5 + 5)),
        ("gru", 3 * 8 * (3 + 8 + 2) + 3 * 8 * (8 + 8 + 2) + (8 * 5 + 5)),
        (
            "transformer",
            (3 * 8 + 8) + 2 * (4 * (8 * 8 + 8) + (8 * 32 + 32) + (32 * 8 + 8) + 2 * 16) + 16
            + (8 * 5 + 5),
        ),
    ],
)  # fmt: skip
def test_parameter_counts(name, expected):
    assert sum(parameter.numel() for parameter in build(name).parameters()) == expected


@every_case
def test_gradients_reach_every_parameter(name, memory, assets, across):
    encoder = build(name, memory, assets, across, normalization="layer", activation="gelu")
    embeddings, _ = encoder.sequence(bars(9, assets))
    embeddings.square().sum().backward()
    for key, parameter in encoder.named_parameters():
        if key.endswith("key.bias"):
            continue  # the same for all keys, which a softmax does not see
        assert parameter.grad is not None, key
        assert parameter.grad.abs().max() > 0, key


@pytest.mark.parametrize("name", NAMES)
def test_the_same_weights_and_windows_give_the_same_bits(name):
    one, other = build(name), build(name)
    assert torch.equal(one(bars(WINDOW)), other(bars(WINDOW)))


@pytest.mark.parametrize("name", NAMES[1:])
@pytest.mark.parametrize("option", [{"normalization": "layer"}, {"activation": "silu"}])
def test_options_change_the_encoders_that_have_them(name, option):
    plain, other = build(name, activation="relu"), build(name, **{"activation": "relu"} | option)
    same = list(plain.state_dict()) == list(other.state_dict()) and torch.equal(
        plain(bars(WINDOW)), other(bars(WINDOW))
    )
    unaffected = {"normalization": ["transformer"], "activation": ["lstm", "gru"]}
    assert same == (name in unaffected[next(iter(option))])


@pytest.mark.parametrize("name", NAMES[1:])
def test_dropout_draws_in_training_from_the_generator_alone(name):
    encoder = build(name, dropout=0.5)
    with pytest.raises(RuntimeError, match="call draw_from"):
        encoder(bars(WINDOW))
    results = []
    for seed in (0, 0, 1):
        draw_from(encoder, torch.Generator().manual_seed(seed))
        results.append(encoder(bars(WINDOW)))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])
    plain = build(name)
    assert torch.equal(encoder.eval()(bars(WINDOW)), plain(bars(WINDOW)))


@pytest.mark.parametrize(("name", "memory"), MEMORIES)
@pytest.mark.parametrize("across", [False, True])
def test_permuting_the_assets_permutes_the_embeddings(name, memory, across):
    encoder, order = build(name, memory, 4, across), [2, 0, 3, 1]
    whole = bars(WINDOW, 4)
    permuted = whole.unflatten(-1, (4, -1))[:, :, order].flatten(2)
    plain, moved = encoder(whole), encoder(permuted)
    close(moved, plain.unflatten(-1, (4, -1))[:, order].flatten(1))
    assert not torch.allclose(moved, plain, atol=1e-2)


@pytest.mark.parametrize("across", [False, True])
def test_assets_see_one_another_only_where_asked(across):
    encoder = build("gru", "window", 3, across)
    before, after = bars(WINDOW, 3), bars(WINDOW, 3)
    after[..., :FEATURES] += 1.0
    moved = (encoder(before) - encoder(after)).abs().unflatten(-1, (3, -1)).amax((0, 2))
    assert moved[0] > 1e-2
    assert ((moved[1:] > 1e-4) == across).all()


def test_without_attention_an_asset_is_embedded_as_it_is_alone():
    portfolio, single = build("cnn", "window", 3), build("cnn")
    single.load_state_dict(portfolio.encoder.state_dict())
    whole = bars(WINDOW, 3)
    alone = [single(whole[..., 3 * i : 3 * i + 3]) for i in range(3)]
    close(portfolio(whole), torch.cat(alone, 1))


@pytest.mark.parametrize(
    ("name", "assets", "across"),
    [("mlp", 1, False), ("cnn", 1, False), ("transformer", 1, False), ("transformer", 2, True)],
)
def test_encoders_run_over_stacked_parameters(name, assets, across):
    encoders: list[nn.Module] = [build(name, "window", assets, across) for _ in range(3)]
    for seed, encoder in enumerate(encoders):
        initialise(encoder, torch.Generator().manual_seed(seed))
    parameters, buffers = stack_module_state(encoders)
    windows = torch.stack([bars(WINDOW, assets, seed=s) for s in range(3)])

    def forward(p, b, x):
        return functional_call(encoders[0], (p, b), (x,))

    # torch has no batching rule for its fused attention on CPUs; for the plain formula it has.
    with sdpa_kernel(SDPBackend.MATH):
        stacked = vmap(forward)(parameters, buffers, windows)
    close(stacked, torch.stack([e(x) for e, x in zip(encoders, windows, strict=True)]))


def test_settings_that_cannot_work_are_refused():
    with pytest.raises(ConfigError, match=r"would read the latest bar alone: take encoder cnn, ls"):
        parse(NetworkConfig, {"memory": "history"}, "test")
    for values in ({"encoder": "transformer"}, {"cross_asset": True}):
        with pytest.raises(ConfigError, match=r"units = 30 .* heads = 4: make units a multiple"):
            parse(NetworkConfig, {"units": 30, **values}, "test")
    assert NetworkConfig(units=30).heads == 4
    with pytest.raises(ConfigError, match=r"'dropout' = 1\.0"):
        parse(NetworkConfig, {"dropout": 1.0}, "test")
    with pytest.raises(ValueError, match="7 features cannot be shared among 2 assets"):
        make_encoder(NetworkConfig(), (4, 7), 8, 2)
    assert all(field.description for field in NetworkConfig.model_fields.values())


def test_an_encoder_is_an_encoder():
    assert all(isinstance(build(name), Encoder) for name in NAMES)
    with pytest.raises(TypeError, match="abstract"):
        Encoder()
