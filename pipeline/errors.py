"""Errors a user can act on. What the caller does next is the class; each prints as one line that ends with the remedy.

::

    UserError                    a failure that is told in one line; what is raised is always of a class below it
    ├── RunAgain            75   nothing has to change: the same command goes on where it stopped, now or later
    │   ├── StoreUnavailable     a store did not answer, or wants to be asked later; nothing was changed by that request
    │   ├── UnknownOutcome       a write was not confirmed: it may have happened or not, and running again finds out
    │   ├── Overtaken            another process changed or holds what this one needs
    │   │   ├── AlreadyExists    (storage.base) a conditional write found its path taken
    │   │   ├── LostRace         (versions.published) another run published this version's number
    │   │   └── Busy             (work.marks) a run or a collection is at work
    │   ├── EndpointDown         (asking.asker) the endpoint that is asked for captions does not answer
    │   └── WorkersLost          worker processes or their nodes ended, more often than is tried
    │       └── RayUnavailable   (run.cluster) the cluster cannot be reached
    ├── Mend                 2   something has to be put right first, or the same happens again
    │   ├── ConfigError          the config, a command line argument, a setting of the machine
    │   │   └── NoPictures       (asking.endpoint) the model that is asked for captions takes no pictures
    │   ├── BudgetSpent          (run.asking) what asking for captions may cost is spent
    │   ├── InputError           a file or a text that a command was given
    │   │   ├── Rejected         (cli.one_file) a stage drops it
    │   │   └── EmbeddingsError  (models.embeddings) it does not fit the tokenizer
    │   ├── StoreRefused         a store said no, and would again: rights, space, what it does not support
    │   │   └── Unwritable       (storage.open) the workspace
    │   ├── Damaged              what is stored is not what was written
    │   │   ├── DamagedTable     (storage.tables)
    │   │   └── DamagedFile      (storage.integrity)
    │   ├── NotFound             (storage.base) there is no object at the path
    │   │   └── LostTable        (storage.tables)
    │   └── PartitionRefused     a partition ended for one of these reasons, or at its time limit
    ├── Defect               1   a fault of the program: report it, with the message
    │   ├── BalanceError         counts do not add up
    │   └── PartitionFailed      a stage raised what it must not raise
    └── OverBudget           3   the run is whole, but too many records were quarantined; nothing is published

An exception that is no UserError ends the command with its traceback and 1: that is a defect, too. Only what is sure to
have had no effect is a StoreUnavailable, so who catches it may do the same again; after an UnknownOutcome the store has
to be asked first what is there.
"""

from __future__ import annotations


class UserError(Exception):
    """Something the user can act on. ``exit_code`` is what the command ends with."""

    exit_code = 1


class RunAgain(UserError):
    """Nothing has to change: the same command goes on where this one stopped."""

    exit_code = 75
    """EX_TEMPFAIL of sysexits.h, which job systems know as a failure that passes."""


class StoreUnavailable(RunAgain):
    """A store did not answer, or wants to be asked later; the request changed nothing."""


class UnknownOutcome(RunAgain):
    """A write was not confirmed: it may have happened or not."""


class Overtaken(RunAgain):
    """Another process changed, or holds, what this one needs."""


class WorkersLost(RunAgain):
    """Worker processes or their nodes ended, more often than is tried."""


class Mend(UserError):
    """Something has to be put right before the command is run again."""

    exit_code = 2


class ConfigError(Mend):
    """The config, a command line argument, a source's declaration or a setting of the machine is wrong."""


class InputError(Mend):
    """A file or a text that a command was given is not what it must be."""


class StoreRefused(Mend):
    """A store said no, and would again: for want of rights or space, or because it cannot do what is asked."""


class Damaged(Mend):
    """What is stored is not what was written."""


class PartitionRefused(Mend):
    """A partition cannot be finished before something is put right, or was stopped at its time limit."""


class Defect(UserError):
    """A fault of the program."""

    exit_code = 1


class BalanceError(Defect):
    """Counts do not add up: a record was lost or counted twice; nothing is published."""


class PartitionFailed(Defect):
    """A stage raised an exception that is not one record's fault."""


class OverBudget(UserError):
    """The run finished, but more records were quarantined than the error budget allows; nothing is published."""

    exit_code = 3
