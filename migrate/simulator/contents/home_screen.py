"""The home screen's icons, the control centre, a web clip, and the wallpaper, stored where the iOS version has it."""

from __future__ import annotations

from migrate.simulator.contents.author import HOME, Author
from migrate.simulator.contents.formats.jpeg import draw_picture
from migrate.simulator.contents.formats.png import draw_icon
from migrate.simulator.contents.formats.sqlite_file import Database
from migrate.simulator.device.app import DOCK

FIRST_PAGE = (
    "com.apple.facetime", "com.apple.mobilecal", "com.apple.mobileslideshow", "com.apple.camera",
    "com.apple.mobilemail", "com.apple.mobilenotes", "com.apple.reminders", "com.apple.mobiletimer",
    "com.apple.Health", "com.apple.Passbook", "com.apple.AppStore", "com.apple.Preferences",
)  # fmt: skip
FOLDER = ("com.apple.calculator", "com.apple.compass", "com.apple.VoiceMemos")
POSTERS = "AppDomain-com.apple.PosterBoard"
POSTER_STORES = ((27, 62), (17, 61), (16, 59))
"""First iOS version and the number of its poster store's folder (*read*: GoldenNugget)."""


def write(author: Author) -> None:
    bought = [bundle_id for bundle_id, app in author.apps.items() if not app.system]
    folder = {"displayName": "Dies & Das ✨", "listType": "folder", "iconLists": [list(FOLDER)]}
    pages: list[list[object]] = [[*FIRST_PAGE, folder], list(bought)]
    state = {"buttonBar": list(DOCK), "iconLists": [page for page in pages if page]}
    author.plist(HOME, "Library/SpringBoard/IconState.plist", state)
    author.plist(HOME, "Library/SpringBoard/DesiredIconState.plist", state)
    author.plist(HOME, "Library/SpringBoard/TodayViewArchive.plist", {"widgets": ["com.apple.weather.widget"]})
    author.plist(HOME, "Library/SpringBoard/PushStore/never-in-a-backup.pushstore", [])
    modules = {"module-identifiers": ["com.apple.control-center.WiFiModule", "com.apple.mobiletimer.controlcenter"]}
    author.plist(HOME, "Library/ControlCenter/ModuleConfiguration.plist", modules)
    if not author.spec.empty:
        clip = f"Library/WebClips/{author.random.randbytes(16).hex().upper()}.webclip"
        author.plist(HOME, f"{clip}/Info.plist", {"Title": "Fahrplan", "URL": "https://timetable.example.com/"})
        author.file(HOME, f"{clip}/icon.png", draw_icon(60, (255, 200, 0), (120, 20, 20)))
        _write_wallpaper(author)


def _write_wallpaper(author: Author) -> None:
    if author.ios < (16,):
        author.file(HOME, "Library/SpringBoard/LockBackground.cpbitmap", author.random.randbytes(60_000), mode=0o100600)
        author.file(HOME, "Library/SpringBoard/LockBackgroundThumbnail.jpg", draw_picture(160, 320, author.random))
        return
    number = next(store for version, store in POSTER_STORES if author.ios >= (version,))
    folder = f"Library/Application Support/PRBPosterExtensionDataStore/{number}"
    database = Database("CREATE TABLE ATTRIBUTE (ROWID INTEGER PRIMARY KEY, key TEXT, value TEXT);")
    database.insert("ATTRIBUTE", {"key": "PBFPosterExtensionDataStoreVersion", "value": str(number)})
    author.database(POSTERS, f"{folder}/PBFPosterExtensionDataStoreSQLiteDatabase.sqlite3", database)
    poster = f"{folder}/Extensions/com.apple.PhotosUIPrivate.PhotosPosterProvider/configurations/{author.uuid()}"
    author.file(POSTERS, f"{poster}/versions/0/contents/wallpaper.jpg", draw_picture(640, 960, author.random))
