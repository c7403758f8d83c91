"""Networks of the market's part of an observation: a file for each, one interface over them.

A price taker's market does not depend on its account, so every network is split in two: an
*encoder* maps features to an embedding (computed once per bar, however many accounts stand there),
and a tower (`agents.towers`) adds a linear map of the account and goes on to the outputs.
"""

from drltrade.agents.encoders.assets import PortfolioEncoder
from drltrade.agents.encoders.base import Encoder, State
from drltrade.agents.encoders.config import NetworkConfig
from drltrade.agents.encoders.make import make_encoder

__all__ = ["Encoder", "NetworkConfig", "PortfolioEncoder", "State", "make_encoder"]
