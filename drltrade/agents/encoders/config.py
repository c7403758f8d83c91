"""The shape of an agent's network, as a preset sets it."""

import math
from typing import Literal

from pydantic import Field, PositiveInt, model_validator

from drltrade.agents.activations import ActivationName
from drltrade.settings import Settings

EncoderName = Literal["mlp", "cnn", "lstm", "gru", "transformer"]


class NetworkConfig(Settings):
    """Shape of an agent's network: an encoder of the market, then layers that add the account."""

    encoder: EncoderName = Field("mlp", description="what reads the features")
    memory: Literal["window", "history"] = Field(
        "window",
        description="window: each decision reads its window alone; history: the encoder runs along "
        "the bars (lstm and gru carry their state on, cnn and transformer look back)",
    )
    units: int = Field(64, ge=1, description="hidden units, channels or width of the encoder")
    layers: int = Field(
        1,
        ge=1,
        description="stacked layers of the encoder; a cnn that reads windows takes more where it "
        "needs them to see the whole window",
    )
    heads: int = Field(4, ge=1, description="attention heads (transformer, cross_asset)")
    kernel: int = Field(3, ge=2, description="cnn: bars under a kernel")
    context: int = Field(
        64, ge=2, description="transformer in history memory: bars that a bar attends to, itself in"
    )
    hidden: tuple[PositiveInt, ...] = Field(
        (64, 64), min_length=1, description="widths of the layers after the encoder"
    )
    activation: ActivationName = Field("tanh", description="between layers")
    normalization: Literal["none", "layer"] = Field(
        "none", description="layer: normalise what each layer puts out (a transformer always does)"
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="share of a layer's outputs to drop")
    cross_asset: bool = Field(
        False, description="let the assets of a portfolio attend to one another, bar by bar"
    )
    initialisation: Literal["orthogonal", "uniform"] = Field(
        "orthogonal",
        description="of layers and convolutions: orthogonal of `gain`, biases 0; or uniform within "
        "+-1 / sqrt(inputs), which spreads the units over an input of few features",
    )
    gain: float = Field(
        math.sqrt(2.0), gt=0, description="gain of the orthogonal weights of hidden layers"
    )

    @model_validator(mode="after")
    def _heads_share_the_units(self) -> "NetworkConfig":
        attends = self.encoder == "transformer" or self.cross_asset
        if attends and self.units % self.heads:
            raise ValueError(
                f"units = {self.units} cannot be shared among heads = {self.heads}: make units a "
                "multiple of heads"
            )
        return self

    @model_validator(mode="after")
    def _memory_needs_an_encoder(self) -> "NetworkConfig":
        if self.memory == "history" and self.encoder == "mlp":
            raise ValueError(
                "memory = 'history' with encoder = 'mlp' would read the latest bar alone: take "
                "encoder cnn, lstm, gru or transformer, or memory = 'window'"
            )
        return self
