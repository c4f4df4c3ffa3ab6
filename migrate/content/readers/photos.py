"""Photos and videos: `Photos.sqlite`, and their originals in DCIM and (downloaded from iCloud) in CPLAssets.

The schema is *seen* for iOS 6 to 11 (CREATE statements) and for a library of macOS 15, whose model is that of iOS 18;
iOS 16, 17 and 26 are *guessed* to be alike. Entities' numbers and the names of join tables change with every version.
"""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from migrate.content.item import FileRef, Fingerprint, Item, State, fingerprint_id
from migrate.content.kind import Kind, Part
from migrate.content.normal_form import day, from_cocoa, seconds, text
from migrate.content.open_database import Columns, Database, Table
from migrate.content.ordering import ordered
from migrate.content.path_index import PathIndex
from migrate.content.plain_ids import is_plain, merged
from migrate.content.sentence import shortened
from migrate.content.source import Place, Source
from migrate.language import _, mark

DOMAIN = "CameraRollDomain"
STORE = Place(DOMAIN, ("Media/PhotoData/Photos.sqlite",))
VIDEO = 1
_USER_ALBUM = 2
"""ZGENERICALBUM.ZKIND of albums that the person made. Others are folders, shared albums, memories, progress records."""
_LIVE_SUBTYPE, _LIVE_PLAYBACK = 2, 3
"""ZKINDSUBTYPE and ZPLAYBACKSTYLE of a Live Photo (*read*: iLEAPP, theforensicscooter)."""
_ORIGINAL_FOLDERS = ("DCIM/", "PhotoData/CPLAssets/")
_OTHERS_SAVED_TYPES = (4, 8, 12)
"""ZSAVEDASSETTYPE of assets that others own: in shared albums, behind iCloud links, shared in Messages."""
_OTHERS_BUNDLE_SCOPES = (1, 2, 3)
"""ZBUNDLESCOPE of the same three. Both *read* in iLEAPP's queries; Photos cannot export such assets (*reported*)."""
_JOIN_TABLE = re.compile(r"Z_(\d{1,6})ASSETS")
_ASSET_COLUMN = re.compile(r"Z_\d+ASSETS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo(Item):
    """A photo or video."""

    original_name: str | None
    """The name the camera or the app gave it; the file may have another."""
    is_video: bool | None
    favourite: bool | None
    hidden: bool | None
    albums: tuple[str, ...] = ()
    """The titles of the person's albums that it is in, sorted."""
    thumbnail: FileRef | None = None
    """The small JPEG that iOS keeps, even of what is only in iCloud."""

    def fingerprint(self) -> Fingerprint:
        return {
            "name": text(self.original_name),
            "taken": seconds(self.when),
            "is_video": self.is_video,
            "trashed": self.state is State.DELETED,
            "favourite": self.favourite,
            "hidden": self.hidden,
            "albums": self.albums,
        }

    def describe(self) -> str:
        name, date = shortened(self.original_name or ""), day(self.when)
        if not name:
            return (_("a video, {day}") if self.is_video else _("a photo, {day}")).format(day=date)
        shown = _("the video {name}, {day}") if self.is_video else _("the photo {name}, {day}")
        return shown.format(name=name, day=date)


def photos(source: Source) -> Iterator[Item]:
    """All photos and videos, ordered by id."""
    for record in source.files(STORE):
        with source.reading(record), source.database(record) as database:
            yield from _Library(source, database).photos()


class _Library:
    """One `Photos.sqlite`."""

    def __init__(self, source: Source, database: Database) -> None:
        self._source = source
        self._database = database
        self._present = PathIndex(source.backup.manifest, DOMAIN, ("Media/",))
        table = database.table("ZASSET", "ZGENERICASSET")
        if table is None:
            raise ValueError("it has neither a table ZASSET nor ZGENERICASSET")
        if not table.has("Z_PK", "ZUUID", "ZDIRECTORY", "ZFILENAME"):
            raise ValueError(f"the table {table.name} lacks columns that every known version has")
        self._columns = Columns(
            table,
            "a",
            id=("ZUUID",),
            directory=("ZDIRECTORY",),
            name=("ZFILENAME",),
            is_video=("ZKIND",),
            subtype=("ZKINDSUBTYPE",),
            playback=("ZPLAYBACKSTYLE",),
            trashed=("ZTRASHEDSTATE",),
            hidden=("ZHIDDEN",),
            favourite=("ZFAVORITE",),
            saved_type=("ZSAVEDASSETTYPE",),
            bundle_scope=("ZBUNDLESCOPE",),
            taken=("ZDATECREATED",),
            modified=("ZMODIFICATIONDATE",),
        )
        attributes, name = self._join_attributes(table)
        resources, only_in_cloud = self._join_resources()
        self._titles: dict[str, str] = {}
        albums, in_albums = self._join_albums()
        self._query = (
            f"SELECT {self._columns.sql}, {name}, {only_in_cloud}, {in_albums} FROM {table.sql} a"  # noqa: S608  quoted
            f"{attributes}{resources}{albums} WHERE "
        )
        lacking = self._columns.lacking & {"is_video", "trashed", "hidden", "favourite", "taken"}
        missing = {"name": not attributes, "albums": not albums}
        self._lacking = lacking | {field for field, is_missing in missing.items() if is_missing}

    def photos(self) -> Iterator[Item]:
        plain = is_plain("a.ZUUID")
        by_index = self._read(f"{plain} ORDER BY a.ZUUID COLLATE BINARY")
        return merged(by_index, ordered(self._read(f"{plain} IS NOT 1"), self._source.tmp))

    def _join_attributes(self, assets: Table) -> tuple[str, str]:
        """The part of the query that joins the original's name, and the name's column."""
        table = self._database.table("ZADDITIONALASSETATTRIBUTES")
        if table is None or not table.has("ZORIGINALFILENAME"):
            return "", "NULL"
        if assets.has("ZADDITIONALATTRIBUTES") and table.has("Z_PK"):
            return f" LEFT JOIN {table.sql} b ON b.Z_PK = a.ZADDITIONALATTRIBUTES", "b.ZORIGINALFILENAME"
        if not table.has("ZASSET"):
            return "", "NULL"
        grouped = f"SELECT ZASSET, MIN(ZORIGINALFILENAME) AS name FROM {table.sql} GROUP BY ZASSET"  # noqa: S608  quoted
        return f" LEFT JOIN ({grouped}) b ON b.ZASSET = a.Z_PK", "b.name"

    def _join_resources(self) -> tuple[str, str]:
        """Joins whether the catalogue says that the original is only in iCloud."""
        originals = only_in_cloud_query(self._database)
        if originals is None:
            return "", "NULL"
        return f" LEFT JOIN ({originals}) r ON r.ZASSET = a.Z_PK", "r.ZASSET IS NOT NULL"

    def _join_albums(self) -> tuple[str, str]:
        """Joins the primary keys of the albums an asset is in, separated by commas, and reads the albums' titles."""
        albums = self._database.table("ZGENERICALBUM")
        join = self._album_join()
        if albums is None or join is None or not albums.has("Z_PK", "ZKIND", "ZTITLE"):
            return "", "NULL"
        kept = " AND ZTRASHEDSTATE IS NOT 1" if albums.has("ZTRASHEDSTATE") else ""
        of_person = f"FROM {albums.sql} WHERE ZKIND = {_USER_ALBUM}{kept}"
        titles = self._database.rows(f"SELECT Z_PK, ZTITLE {of_person}")
        self._titles = {str(key): text(title) or "" for key, title in titles}
        table, album, asset = join
        grouped = (
            f"SELECT {asset} AS asset, GROUP_CONCAT({album}) AS albums FROM {table}"  # noqa: S608  from the schema, digits
            f" WHERE {album} IN (SELECT Z_PK {of_person}) GROUP BY {asset}"
        )
        return f" LEFT JOIN ({grouped}) j ON j.asset = a.Z_PK", "j.albums"

    def _album_join(self) -> tuple[str, str, str] | None:
        """The table that says which assets an album has: `Z_30ASSETS (Z_30ALBUMS, Z_3ASSETS)`, with any numbers.

        Returns its name and the columns of album and asset. The number is that of the entity Album (*seen* up to iOS
        11 and on macOS 15).
        """
        found = {}
        for name in sorted(self._database.table_names):
            table = self._database.table(name)
            if table is None or (match := _JOIN_TABLE.fullmatch(name)) is None:
                continue
            assets = [column for column in table.columns if _ASSET_COLUMN.fullmatch(column)]
            if f"Z_{match[1]}ALBUMS" in table.columns and len(assets) == 1:
                found[int(match[1])] = (name, f"Z_{match[1]}ALBUMS", assets[0])
        entities = self._database.entities() if len(found) > 1 else {}
        preferred = [entities[name] for name in ("Album", "GenericAlbum") if entities.get(name) in found]
        return found[(preferred or sorted(found))[0]] if found else None

    def _read(self, condition: str) -> Iterator[Photo]:
        titles = self._titles
        for row in self._database.rows(self._query + condition):
            (stored_id, directory, name, kind, subtype, playback, trashed, hidden, favourite, saved_type, scope) = row[
                :11
            ]
            taken, modified, original_name, only_in_cloud, in_albums = row[11:]
            others = saved_type in _OTHERS_SAVED_TYPES or scope in _OTHERS_BUNDLE_SCOPES
            if others and not str(directory).startswith(_ORIGINAL_FOLDERS):
                continue
            when = from_cocoa(taken)
            is_live = subtype == _LIVE_SUBTYPE or playback == _LIVE_PLAYBACK
            files = self._files(directory, name, is_live)
            offloaded = 1 if only_in_cloud and not files else 0
            state = State.DELETED if trashed else State.ONLY_IN_CLOUD if offloaded else State.LIVE
            albums = sorted(titles.get(key, "") for key in in_albums.split(",")) if in_albums else ()
            yield Photo(
                id=_id(stored_id) or fingerprint_id((str(original_name), seconds(when), directory, name)),
                when=when,
                modified=from_cocoa(modified),
                state=state,
                files=files,
                offloaded=offloaded,
                absent=0 if files or offloaded else 1,
                original_name=None if original_name is None else str(original_name),
                is_video=None if kind is None else kind == VIDEO,
                favourite=None if favourite is None else bool(favourite),
                hidden=None if hidden is None else bool(hidden),
                albums=tuple(albums),
                thumbnail=self._thumbnail(f"{directory}/{name}") if directory and name else None,
                lacking=self._lacking,
            )

    def _files(self, directory: object, name: object, is_live: bool) -> tuple[FileRef, ...]:
        """The original in this backup, followed by the video of a Live Photo if that is there too."""
        if not isinstance(directory, str) or not isinstance(name, str) or not name:
            return ()
        original = self._find(f"Media/{directory}/{name}")
        if original is None:
            return ()
        if is_live:
            stem = original.relative_path.rpartition(".")[0]
            for extension in (".MOV", ".mov"):
                if stem + extension in self._present:
                    return (original, FileRef(DOMAIN, stem + extension))
        return (original,)

    def _thumbnail(self, stored: str) -> FileRef | None:
        path = f"Media/PhotoData/Thumbnails/V2/{stored}/5005.JPG"
        return FileRef(DOMAIN, path) if path in self._present else None

    def _find(self, path: str) -> FileRef | None:
        forms = (path,) if path.isascii() else (path, *(unicodedata.normalize(form, path) for form in ("NFC", "NFD")))
        return next((FileRef(DOMAIN, form) for form in forms if form in self._present), None)


def only_in_cloud_query(database: Database) -> str | None:
    """The query for the keys of assets whose original is only in iCloud; None if the schema does not say.

    `ZDATASTORESUBTYPE` 1 is the original; `ZLOCALAVAILABILITY` -1: not on the phone; `ZREMOTEAVAILABILITY` 1: in
    iCloud; `ZRESOURCETYPE` 3 is the video of a Live Photo, which is not the original (facts/device 6.3).
    """
    table = database.table("ZINTERNALRESOURCE")
    needed = ("ZASSET", "ZDATASTORESUBTYPE", "ZLOCALAVAILABILITY", "ZREMOTEAVAILABILITY")
    if table is None or not table.has(*needed):
        return None
    no_live_video = " AND ZRESOURCETYPE IS NOT 3" if table.has("ZRESOURCETYPE") else ""
    return (
        f"SELECT DISTINCT ZASSET FROM {table.sql} WHERE ZDATASTORESUBTYPE = 1"  # noqa: S608  quoted
        f" AND ZLOCALAVAILABILITY = -1 AND ZREMOTEAVAILABILITY = 1{no_live_video}"
    )


def _id(stored: object) -> str | None:
    """The asset's UUID. iOS 6 stored it as 16 bytes (*seen* in its schema)."""
    if isinstance(stored, bytes):
        return str(uuid.UUID(bytes=stored)).upper() if len(stored) == 16 else stored.hex() or None
    return str(stored) if stored is not None and stored != "" else None


PHOTOS = Kind(
    id="photos",
    owner="photos",
    label=mark("photos and videos"),
    places=(STORE,),
    items=photos,
    parts=(Part(label=mark("videos"), count=lambda item: int(isinstance(item, Photo) and item.is_video is True)),),
)
