"""The market as an agent sees it: bars by time index, and rewards in units of volatility."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from drltrade.agents.encoders import Encoder
from drltrade.envs.observations import windows
from drltrade.envs.periods import PeriodName
from drltrade.envs.task import Task
from drltrade.errors import ConfigError


class MarketView:
    """Gathers bars by index, and embeds each once instead of once per account."""

    def __init__(self, task: Task, device: torch.device, period: PeriodName = "train") -> None:
        """`period`: whose rows `segments` draws, and whose bars are embedded at once."""
        self.features = torch.from_numpy(task.market.features).to(device)
        self.window = task.config.window
        self.spans, self._device = task.spans(period), device
        # One row per window, flat: gathering whole rows is several times faster.
        self._flat = windows(self.features, self.window).flatten(1, 2)
        # Rows of the period, and every bar that a step can lead to.
        self.rows = range(min(span[0] for span in self.spans), max(s[-1] for s in self.spans) + 1)
        self.bars = len(self.rows)

    # Windows, for decisions that stand alone.

    def embed(self, encoder: nn.Module, t: Tensor) -> Tensor:
        """[B] time indices -> [B, E] embeddings."""
        return self.reader(encoder, t.numel())(t)

    def reader(self, encoder: nn.Module, reads: int) -> Callable[[Tensor], Tensor]:
        """How to embed time indices, [B] -> [B, E], with the encoder as it is now.

        Where at least as many `reads` will be asked for as the period has bars, each bar is encoded
        once and looked up; otherwise the windows are gathered. Both give the same values.
        """
        if reads >= self.bars:
            table, first = self.table(encoder), self.rows[0]
            return lambda t: table.index_select(0, t - first)
        return lambda t: self._encode(encoder, self._flat.index_select(0, t - self.window + 1))

    def table(self, encoder: nn.Module) -> Tensor:
        """[bars, E] embedding of every bar of the period; row 0 belongs to `rows[0]`."""
        first = self.rows[0] - self.window + 1
        return self._encode(encoder, self._flat[first : first + self.bars])

    def _encode(self, encoder: nn.Module, flat: Tensor) -> Tensor:
        embeddings: Tensor = encoder(flat.view(len(flat), self.window, -1))
        return embeddings

    # Segments, for decisions in a row.

    def segments(self, length: int, lead: int) -> "Segments":
        """Where a row of `length` decisions can begin that has `lead` bars of its span before it.

        Raises:
            ConfigError: no span of the period has so many bars; says how many there are.
        """
        return Segments(self.spans, length, lead, self._device)

    def stretch(self, start: Tensor, length: int, lead: int) -> Tensor:
        """[B] first decisions -> [B, lead + length, F] their bars, and the `lead` bars before."""
        offsets = torch.arange(-lead, length, device=self._device)
        rows: Tensor = start.unsqueeze(-1) + offsets
        return self.features[rows]


class Segments:
    """The places where segments of decisions can begin, drawn uniformly."""

    def __init__(
        self, spans: tuple[range, ...], length: int, lead: int, device: torch.device
    ) -> None:
        """See `MarketView.segments`."""
        # The value after the last decision is asked for, too, so its bar belongs to the span.
        counts = [max(len(span) - lead - length, 0) for span in spans]
        if not any(counts):
            most = max(map(len, spans))
            raise ConfigError(
                f"segments of {length} decisions after {lead} bars of burn-in need "
                f"{length + lead + 1} bars in a row, and the train period has {most}: lower "
                "sequence_length or burn_in, or train on a longer period"
            )
        ends = torch.tensor(counts, device=device).cumsum(0)
        first = torch.tensor([span[0] + lead for span in spans], device=device)
        self._ends, self._shift, self._count = (
            ends,
            first - ends + ends.diff(prepend=ends.new_zeros(1)),
            sum(counts),
        )

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """[count] first decisions."""
        options = {"generator": generator, "device": self._ends.device}
        pick = torch.randint(self._count, (count,), **options)  # type: ignore[call-overload]
        place = torch.searchsorted(self._ends, pick, right=True)
        start: Tensor = pick + self._shift[place]
        return start


def read(encoder: Encoder, bars: Tensor, length: int, history: bool) -> Tensor:
    """Embed the last `length` bars of stretches.

    Args:
        encoder: of the market.
        bars: [B, K, F] contiguous. What lies before the last `length` is burn-in (history), or the
            first window's earlier bars.
        length: L.
        history: run along the bars, learning nothing in the burn-in, as Kapturowski et al. 2019
            ("Recurrent experience replay in distributed reinforcement learning"); otherwise read
            each bar's window by itself.

    Returns:
        [B, L, E]
    """
    lead = bars.shape[1] - length
    if not history:
        each = bars.unfold(1, lead + 1, 1).transpose(2, 3)
        embeddings: Tensor = encoder(each.flatten(0, 1))
        return embeddings.view(*each.shape[:2], -1)
    state = None
    if lead:
        with torch.no_grad():
            _, state = encoder.sequence(bars[:, :lead])
    return encoder.sequence(bars[:, lead:], state)[0]


def reward_scale(task: Task) -> float:
    """Standard deviation of the asset's log return per bar over the train period.

    Of several assets: that of their equally weighted portfolio.

    Rewards divided by it are of order one for any asset and bar length, which keeps one learning
    rate good for all of them.
    """
    spans = task.spans("train")
    close = torch.from_numpy(task.market.close)
    moves = [torch.log(close[s[0] : s[-1] + 1]).diff(dim=0).mean(1) for s in spans]
    scale = float(torch.cat(moves).std())
    return scale if scale > 0 else 1.0
