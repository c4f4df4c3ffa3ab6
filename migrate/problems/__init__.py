"""Every problem a person can meet, one module per area; `from migrate.problems import PhoneLocked`.

How a problem is defined is told in `problem.py`, exit codes are in `exit_codes.py` (contract 4).
"""

from migrate.problems.auto import *
from migrate.problems.backup import *
from migrate.problems.browse import *
from migrate.problems.categories import *
from migrate.problems.content import *
from migrate.problems.damage import *
from migrate.problems.encryption import *
from migrate.problems.exit_codes import EXIT_CODES as EXIT_CODES
from migrate.problems.export import *
from migrate.problems.finding import Finding as Finding
from migrate.problems.finding import Severity as Severity
from migrate.problems.icloud import *
from migrate.problems.journey import *
from migrate.problems.phone import *
from migrate.problems.plan import *
from migrate.problems.problem import MENU as MENU
from migrate.problems.problem import Command as Command
from migrate.problems.problem import MigrateError as MigrateError
from migrate.problems.problem import Paste as Paste
from migrate.problems.problem import Problem as Problem
from migrate.problems.problem import RecordProblem as RecordProblem
from migrate.problems.problem import paste as paste
from migrate.problems.proof import *
from migrate.problems.readiness import *
from migrate.problems.registry import all_problems as all_problems
from migrate.problems.registry import as_error as as_error
from migrate.problems.registry import exit_code_of as exit_code_of
from migrate.problems.registry import templates as templates
from migrate.problems.simulator import *
from migrate.problems.talk import *
