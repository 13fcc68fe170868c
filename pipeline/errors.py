"""Errors a user can act on. Each prints as one line, says what was wrong and where, and ends with the remedy."""


class UserError(Exception):
    """Something the user can put right. ``exit_code`` is what the command ends with."""

    exit_code = 1


class ConfigError(UserError):
    """The config, a command line argument or a source's declaration is wrong."""

    exit_code = 2


class StorageError(UserError):
    """The store refused or failed: state on it is unknown, running again is safe."""


class BalanceError(UserError):
    """Counts do not add up: a record was lost or counted twice. Never expected; nothing is published."""


class PartitionError(UserError):
    """A partition failed for a reason that is not one record's fault."""


class OverBudget(UserError):
    """The run finished, but more records were quarantined than the error budget allows; nothing is published."""

    exit_code = 3
