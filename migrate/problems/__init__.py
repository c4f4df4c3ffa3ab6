"""Every error a person can meet, by the room that raises it; `from migrate.problems import PhoneLocked`.

The class that knows the facts holds the sentences. We raise; `talk/` lays the sentences out; only `cli.main()` exits.
`next` begins with a verb and can be pasted, or done with a finger. Exit codes: contract 4.
"""

from migrate.problems.backup import *
from migrate.problems.categories import *
from migrate.problems.journey import *
from migrate.problems.phone import *
from migrate.problems.plan import *
from migrate.problems.root import *
from migrate.problems.simulator import *
from migrate.problems.talk import *
