"""Every feature once more, from its definition, bar by bar: what the tests hold the library to.

Windows are slices and recursions are loops; what TA-Lib has is taken from there. Names of arrays
are those of a frame of bars: o, h, l, c, v.
"""

import numpy as np
import scipy.stats
import talib


class Bars:
    """The columns of a frame, and a second series beside them."""

    def __init__(self, frame, beside=None):
        self.o, self.h, self.l, self.c, self.v = frame.to_numpy(np.float64).T.copy()
        self.times, self.beside = list(frame.index), beside

    @property
    def r(self):
        return before(np.log(self.c), 1)[1]

    @property
    def tr(self):
        return talib.TRANGE(self.h, self.l, self.c)

    @property
    def typical(self):
        return (self.h + self.l + self.c) / 3


def before(x, n):
    """(x n bars ago, x less that)."""
    ago = np.full(len(x), np.nan)
    ago[n:] = x[: len(x) - n]
    return ago, x - ago


def each(n, function, *series):
    """Of the last n bars, from the first with n values of each on."""
    found = np.full(len(series[0]), np.nan)
    for t in range(n - 1, len(found)):
        windows = [x[t - n + 1 : t + 1] for x in series]
        if all(np.isfinite(window).all() for window in windows):
            found[t] = function(*windows)
    return found


def ema(x, n, alpha=None):
    """Exponential average that begins with the mean of its first n values."""
    alpha = alpha or 2 / (n + 1)
    found, first = np.full(len(x), np.nan), int(np.argmax(np.isfinite(x)))
    value = x[first : first + n].mean()
    found[first + n - 1] = value
    for t in range(first + n, len(x)):
        value += alpha * (x[t] - value)
        found[t] = value
    return found


def sma(x, n):
    return each(n, np.mean, x)


def wma(x, n):
    weights = np.arange(1, n + 1)
    return each(n, lambda w: w @ weights / weights.sum(), x)


def std(x, n, ddof=0):
    return each(n, lambda w: w.std(ddof=ddof), x)


def place(h, low, c, n):
    """From 0 at the lowest of n bars to 1 at the highest."""
    return each(n, lambda a, b, d: (d[-1] - b.min()) / (a.max() - b.min()), h, low, c)


def middle(b, n):
    return each(n, lambda h, low: (h.max() + low.min()) / 2, b.h, b.l)


def root_mean(squares, n):
    return np.sqrt(sma(squares, n))


def rogers_satchell(b):
    return np.log(b.h / b.c) * np.log(b.h / b.o) + np.log(b.l / b.c) * np.log(b.l / b.o)


def yang_zhang(b, n):
    night, day = np.log(b.o / before(b.c, 1)[0]), np.log(b.c / b.o)
    k = 0.34 / (1.34 + (n + 1) / (n - 1))
    return np.sqrt(
        std(night, n, 1) ** 2 + k * std(day, n, 1) ** 2 + (1 - k) * sma(rogers_satchell(b), n)
    )


def supertrend(b, n, k):
    """The band under the price in a rise, above it in a fall; bands only close in on the price."""
    reach, half = k * talib.ATR(b.h, b.l, b.c, n), (b.h + b.l) / 2
    found = np.full(len(b.c), np.nan)
    upper, lower, rising = np.nan, np.nan, True
    for t in range(n, len(b.c)):
        above, below = half[t] + reach[t], half[t] - reach[t]
        if t == n:
            upper, lower, rising = above, below, b.c[t] > above or b.c[t] >= half[t]
        else:
            was_upper, was_lower = upper, lower
            upper = above if above < was_upper or b.c[t - 1] > was_upper else was_upper
            lower = below if below > was_lower or b.c[t - 1] < was_lower else was_lower
            if b.c[t] > upper:
                rising = True
            elif b.c[t] < lower:
                rising = False
        found[t] = lower if rising else upper
    return found


def vortex(b, n):
    up, down = np.abs(b.h - before(b.l, 1)[0]), np.abs(b.l - before(b.h, 1)[0])
    return (each(n, np.sum, up) - each(n, np.sum, down)) / each(n, np.sum, b.tr)


def fractional(b, d, n):
    weights = [1.0]
    for k in range(1, n):
        weights.append(-weights[-1] * (d - k + 1) / k)
    # Of the log close less that of the oldest bar in the window.
    return each(n, lambda w: (w - w[0])[::-1] @ np.array(weights), np.log(b.c))


def circle(positions, count):
    angle = 2 * np.pi * np.array(positions) / count
    return np.sin(angle), np.cos(angle)


def money_flow_volume(b):
    return (2 * b.c - b.h - b.l) / (b.h - b.l) * b.v


def illiquidity(b, n):
    return each(n, np.mean, np.abs(b.r) / (b.c * b.v))


def ichimoku(b, conversion, base, span):
    first, second, third = (middle(b, n) for n in (conversion, base, span))
    cloud = before(((first + second) / 2 + third) / 2, base)[0]
    return np.log(first / second), np.log(b.c / cloud)


def candle(b):
    top, bottom = np.maximum(b.o, b.c), np.minimum(b.o, b.c)
    return tuple(part / (b.h - b.l) for part in (b.c - b.o, b.h - top, bottom - b.l))


def hma(x, n):
    return wma(2 * wma(x, n // 2) - wma(x, n), int(n**0.5))


def tsi(b, fast, slow):
    change = before(b.c, 1)[1]
    return ema(ema(change, slow), fast) / ema(ema(np.abs(change), slow), fast)


def stochastic_rsi(b, n, m, smoothing):
    strength = talib.RSI(b.c, n)
    return 2 * sma(place(strength, strength, strength, m), smoothing) - 1


def line(x, n):
    return each(n, lambda w: np.polyfit(np.arange(n), w, 1)[0], x)


def variance_ratio(window, q):
    """Lo and MacKinlay 1988, equations 12a and 12b, of a window of n + 1 log prices."""
    n = len(window) - 1
    mean = (window[-1] - window[0]) / n
    once = ((np.diff(window) - mean) ** 2).sum() / (n - 1)
    longer = ((window[q:] - window[:-q] - q * mean) ** 2).sum() / (q * (n - q + 1) * (1 - q / n))
    return longer / once - 1


def beside(b):
    return before(np.log(b.beside), 1)[1]


FORMULAS = {
    "log_return": lambda b, n: before(np.log(b.c), n)[1],
    "momentum": lambda b, skipped, n: np.log(before(b.c, skipped)[0] / before(b.c, n)[0]),
    "rsi": lambda b, n: talib.RSI(b.c, n) / 50 - 1,
    "stochastic_rsi": stochastic_rsi,
    "stochastic": lambda b, n, smoothing: 2 * sma(place(b.h, b.l, b.c, n), smoothing) - 1,
    "cci": lambda b, n: talib.CCI(b.h, b.l, b.c, n) / 100,
    "cmo": lambda b, n: talib.CMO(b.c, n) / 100,
    "trix": lambda b, n: talib.TRIX(b.c, n),
    "ultimate": lambda b, *n: talib.ULTOSC(b.h, b.l, b.c, *n) / 50 - 1,
    "tsi": tsi,
    "percentile": lambda b, n: each(n, lambda w: 2 * (w[:-1] < w[-1]).mean() - 1, b.c),
    "autocorrelation": lambda b, n, lag: each(
        n, lambda x, y: np.corrcoef(x, y)[0, 1], b.r, before(b.r, lag)[0]
    ),
    "variance_ratio": lambda b, q, n: each(n + 1, lambda w: variance_ratio(w, q), np.log(b.c)),
    "drawdown": lambda b, n: each(n, lambda w: np.log(w[-1] / w.max()), b.c),
    "recovery": lambda b, n: each(n, lambda w: np.log(w[-1] / w.min()), b.c),
    "bollinger": lambda b, n, k: (b.c - sma(b.c, n)) / (k * std(b.c, n)),
    "bandwidth": lambda b, n, k: 2 * k * std(b.c, n) / sma(b.c, n),
    "atr": lambda b, n: talib.ATR(b.h, b.l, b.c, n) / b.c if n > 1 else b.tr / b.c,
    "volatility": lambda b, n: std(b.r, n, 1),
    "ewm_volatility": lambda b, n: np.sqrt(ema(b.r**2, n)),
    "semi_volatility": lambda b, n: (
        root_mean(np.where(b.r > 0, b.r, 0 * b.r) ** 2, n),
        root_mean(np.where(b.r < 0, b.r, 0 * b.r) ** 2, n),
    ),
    "parkinson": lambda b, n: root_mean(np.log(b.h / b.l) ** 2 / (4 * np.log(2)), n),
    "garman_klass": lambda b, n: root_mean(
        np.log(b.h / b.l) ** 2 / 2 - (2 * np.log(2) - 1) * np.log(b.c / b.o) ** 2, n
    ),
    "rogers_satchell": lambda b, n: root_mean(rogers_satchell(b), n),
    "yang_zhang": yang_zhang,
    "volatility_ratio": lambda b, fast, slow: std(b.r, fast, 1) / std(b.r, slow, 1) - 1,
    "choppiness": lambda b, n: each(
        n, lambda tr, h, low: np.log(tr.sum() / (h.max() - low.min())) / np.log(n), b.tr, b.h, b.l
    ),
    "skewness": lambda b, n: each(n, lambda w: scipy.stats.skew(w), b.r),
    "kurtosis": lambda b, n: each(n, lambda w: scipy.stats.kurtosis(w), b.r),
    "ma_ratio": lambda b, n: np.log(b.c / sma(b.c, n)),
    "ema_ratio": lambda b, n: np.log(b.c / ema(b.c, n)),
    "wma_ratio": lambda b, n: np.log(b.c / wma(b.c, n)),
    "trima_ratio": lambda b, n: np.log(b.c / sma(sma(b.c, (n + 1) // 2), n // 2 + 1)),
    "hma_ratio": lambda b, n: np.log(b.c / hma(b.c, n)),
    "dema_ratio": lambda b, n: np.log(b.c / talib.DEMA(b.c, n)),
    "tema_ratio": lambda b, n: np.log(b.c / talib.TEMA(b.c, n)),
    "t3_ratio": lambda b, n: np.log(b.c / talib.T3(b.c, n)),
    "kama_ratio": lambda b, n: np.log(b.c / talib.KAMA(b.c, n)),
    "ma_cross": lambda b, fast, slow: np.log(sma(b.c, fast) / sma(b.c, slow)),
    "macd": lambda b, *n: talib.MACD(b.c, *n)[2] / b.c,
    "sar": lambda b, step, limit: 1 - talib.SAR(b.h, b.l, step, limit) / b.c,
    "supertrend": lambda b, n, k: 1 - supertrend(b, n, k) / b.c,
    "adx": lambda b, n: talib.ADX(b.h, b.l, b.c, n) / 100,
    "directional": lambda b, n: (
        talib.PLUS_DI(b.h, b.l, b.c, n) / 100 - talib.MINUS_DI(b.h, b.l, b.c, n) / 100
    ),
    "aroon": lambda b, n: talib.AROONOSC(b.h, b.l, n) / 100,
    "vortex": vortex,
    "slope": lambda b, n: n * line(np.log(b.c), n),
    "straightness": lambda b, n: each(n, lambda w: np.corrcoef(w, np.arange(n))[0, 1], np.log(b.c)),
    "efficiency": lambda b, n: each(
        n + 1, lambda w: abs(w[-1] - w[0]) / np.abs(np.diff(w)).sum(), b.c
    ),
    "donchian": lambda b, n: 2 * place(b.h, b.l, b.c, n) - 1,
    "keltner": lambda b, n, m, k: (b.c - ema(b.c, n)) / (k * ema(b.tr, m, 1 / m)),
    "ichimoku": ichimoku,
    "fracdiff": fractional,
    "volume_zscore": lambda b, n: each(n, lambda w: (w[-1] - w.mean()) / w.std(), np.log(1 + b.v)),
    "volume_ratio": lambda b, n: b.v / sma(b.v, n) - 1,
    "obv": lambda b, n: each(
        n, lambda rise, v: (np.sign(rise) * v).sum() / v.sum(), before(b.c, 1)[1], b.v
    ),
    "money_flow": lambda b, n: sma(money_flow_volume(b), n) / sma(b.v, n),
    "mfi": lambda b, n: talib.MFI(b.h, b.l, b.c, b.v, n) / 50 - 1,
    "chaikin": lambda b, fast, slow: talib.ADOSC(b.h, b.l, b.c, b.v, fast, slow) / sma(b.v, slow),
    "force": lambda b, n: ema(before(b.c, 1)[1] * b.v, n) / (b.c * ema(b.v, n)),
    "illiquidity": lambda b, fast, slow: illiquidity(b, fast) / illiquidity(b, slow) - 1,
    "vwap_ratio": lambda b, n: np.log(b.c * sma(b.v, n) / sma(b.typical * b.v, n)),
    "gap": lambda b: np.log(b.o / before(b.c, 1)[0]),
    "intraday_return": lambda b: np.log(b.c / b.o),
    "bar_range": lambda b: np.log(b.h / b.l),
    "close_location": lambda b: (2 * b.c - b.h - b.l) / (b.h - b.l),
    "candle": candle,
    "weekday": lambda b: circle([t.weekday() for t in b.times], 7),
    "month": lambda b: circle([t.month - 1 for t in b.times], 12),
    "monthday": lambda b: circle([t.day - 1 for t in b.times], 31),
    "yearday": lambda b: circle([t.timetuple().tm_yday - 1 for t in b.times], 366),
    "daytime": lambda b: circle([60 * t.hour + t.minute for t in b.times], 1440),
    "beta": lambda b, series, n: each(
        n, lambda x, y: np.cov(x, y)[0, 1] / y.var(ddof=1), b.r, beside(b)
    ),
    "correlation": lambda b, series, n: each(
        n, lambda x, y: np.corrcoef(x, y)[0, 1], b.r, beside(b)
    ),
    "excess_return": lambda b, series, n: (
        before(np.log(b.c), n)[1] - before(np.log(b.beside), n)[1]
    ),
    "level": lambda b: b.c,
    "difference": lambda b, n: before(b.c, n)[1],
    "zscore": lambda b, n: each(n, lambda w: (w[-1] - w.mean()) / w.std(), b.c),
}
"""Name of a feature -> (bars, *parameters) -> its column, or a tuple of them."""
