from tests.export.exporting import export as export
from tests.made_backups import make_backup as make_backup
from tests.made_backups import make_database as make_database
from tests.made_backups import phones_backup as phones_backup
from tests.made_backups import shared_data as shared_data
