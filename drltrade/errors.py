"""What can go wrong for reasons a user can mend. Each message says what was found and where."""


class DrltradeError(Exception):
    """Base of every error that drltrade raises on purpose."""


class ConfigError(DrltradeError, ValueError):
    """A preset, an override or an argument is wrong: names the key, the value, what is allowed."""


class DataError(DrltradeError, ValueError):
    """A price file or series is wrong: names the file, the row, the column and the value."""


class DeviceError(DrltradeError, RuntimeError):
    """A device was asked for that this machine does not have."""
