"""Options that the commands on price data share."""

from pathlib import Path
from typing import Annotated

import typer

Name = Annotated[str, typer.Argument(help="Name of a data set, or a CSV or parquet file.")]
Calendar = Annotated[
    str | None,
    typer.Option(
        help="Look for missing sessions of an exchange, by its code: XNYS, XLON, 24/7 ..."
    ),
]
Report = Annotated[
    Path | None, typer.Option(help="Draw the series, and what is found, on an HTML page.")
]
Zone = Annotated[str | None, typer.Option(help="Zone of the times: America/New_York, UTC ...")]
Label = Annotated[str | None, typer.Option(help="Which end of its bar a time is: open or close.")]
Adjustment = Annotated[
    str | None,
    typer.Option(help="What prices are adjusted for: raw (nothing), split, or full (dividends)."),
]
DateOrder = Annotated[
    str | None, typer.Option(help="What comes first in dates such as 01/02/2017: day or month.")
]
TimeUnit = Annotated[
    str | None, typer.Option(help="Unit of times that are numbers since 1970: s, ms, us or ns.")
]
Columns = Annotated[
    list[str] | None,
    typer.Option("--column", metavar="OURS=THEIRS", help='volume="Volume BTC"; may be repeated.'),
]
Separator = Annotated[str | None, typer.Option(help="Between the values of a CSV.")]
Decimal = Annotated[str | None, typer.Option(help="Before the decimals: . or ,")]
Thousands = Annotated[str | None, typer.Option(help="Between thousands: , . ' or a space.")]
Ignored = Annotated[
    list[str] | None,
    typer.Option("--ignore", metavar="COLUMN", help="Do not read a column; may be repeated."),
]
DateFormat = Annotated[
    str | None, typer.Option(help="How times are written, as strptime has it: '%d-%b-%y %H:%M'.")
]
Splits = Annotated[
    list[str] | None,
    typer.Option(
        "--split", metavar="SYMBOL DATE=RATIO",
        help="State a split that nothing tells of: 'AAPL 2014-06-09=7'; may be repeated.",
    ),
]  # fmt: skip
Dividends = Annotated[
    list[str] | None,
    typer.Option(
        "--dividend", metavar="SYMBOL DATE=CASH",
        help="State a dividend that nothing tells of: 'AAPL 2014-08-07=0.47'; may be repeated.",
    ),
]  # fmt: skip
PriceUnit = Annotated[float, typer.Option(help="What a price of 1 is worth: 0.01 for cents.")]
VolumeUnit = Annotated[float, typer.Option(help="What a volume of 1 is: 100 for lots of 100.")]
