"""From a configuration to an encoder."""

from drltrade.agents.encoders.assets import CrossAssetBlock, PortfolioEncoder
from drltrade.agents.encoders.base import Encoder
from drltrade.agents.encoders.cnn import CnnEncoder, layers_to_reach
from drltrade.agents.encoders.config import NetworkConfig
from drltrade.agents.encoders.mlp import MlpEncoder
from drltrade.agents.encoders.recurrent import RecurrentEncoder
from drltrade.agents.encoders.transformer import TransformerEncoder


def make_encoder(
    config: NetworkConfig, shape: tuple[int, int], width: int, assets: int = 1
) -> Encoder:
    """The encoder that `config` describes.

    Args:
        config: of the whole network.
        shape: (window, F) of the market's part of an observation.
        width: numbers per asset in an embedding; `config.hidden[0]` for a tower.
        assets: N; F is then N times the features of one.

    Raises:
        ValueError: F is no multiple of `assets`.
    """
    window, features = shape
    if assets == 1:
        return _of_one(config, window, features, width)
    if features % assets:
        raise ValueError(f"{features} features cannot be shared among {assets} assets")
    inner = config.units if config.cross_asset else width
    encoder = _of_one(config, window, features // assets, inner)
    across = CrossAssetBlock(config, width) if config.cross_asset else None
    return PortfolioEncoder(encoder, assets, across, width)


def _of_one(config: NetworkConfig, window: int, features: int, width: int) -> Encoder:
    whole_window = config.memory == "window"
    if config.encoder == "mlp":
        return MlpEncoder(window, features, width)
    if config.encoder == "cnn":
        needed = layers_to_reach(window, config.kernel) if whole_window else 1
        return CnnEncoder(config, max(config.layers, needed), features, width)
    if config.encoder == "transformer":
        context = window if whole_window else config.context
        return TransformerEncoder(config, context, features, width)
    return RecurrentEncoder(config, features, width)
