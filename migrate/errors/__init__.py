"""Every error a person can meet, by the room that raises it; `from migrate.errors import PhoneLocked`.

The class that knows the facts holds the sentences. We raise; `talk/` lays the sentences out; only `cli.main()` exits.
`next` begins with a verb and can be pasted, or done with a finger. Exit codes: contract 4.
"""

from migrate.errors.backup import *
from migrate.errors.categories import *
from migrate.errors.journey import *
from migrate.errors.phone import *
from migrate.errors.plan import *
from migrate.errors.root import *
from migrate.errors.softphone import *
from migrate.errors.talk import *
