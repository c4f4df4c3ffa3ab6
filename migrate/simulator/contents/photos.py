"""The photo library: Photos.sqlite, pictures and videos, thumbnails, an edit, and an original downloaded from iCloud.

The columns are those that forensic readers (iLEAPP's Ph* artifacts) and facts 6.3 use; paths and extended attributes
*seen* on iOS 14.3. Entity numbers and the album join table are those of iOS 17 (*guessed* for other versions).
"""

from __future__ import annotations

import hashlib
import plistlib
from dataclasses import dataclass
from typing import Final, Literal

from migrate.simulator.contents.author import CAMERA_ROLL, Author, apple_seconds
from migrate.simulator.contents.formats.core_data import CoreDataStore
from migrate.simulator.contents.formats.jpeg import draw_picture
from migrate.simulator.contents.formats.movie import encode_movie
from migrate.simulator.contents.formats.sqlite_file import Row
from migrate.simulator.device.filesystem import Bytes, Content, Synthetic

SIZES = ((960, 640), (640, 960), (640, 480), (1024, 768))
VIDEO_SIZE = (640, 480)
THUMBNAIL = (96, 64)
PICTURES_PER_FOLDER = 1000
"""The number of pictures in one DCIM folder."""

PHOTO: Final = 0
VIDEO: Final = 1
ORIGINAL, THUMBNAILS = 1, 9
PRESENT, MISSING = 1, -1
ASSET = 3
ENTITIES: dict[str, int | tuple[int, int]] = {
    "AdditionalAssetAttributes": 1,
    "Asset": ASSET,
    "CloudMaster": 10,
    "GenericAlbum": 30,
    "Album": (31, 30),
    "InternalResource": 45,
}
ASSET_COLUMNS = (
    "ZAVALANCHEPICKTYPE INTEGER, ZCLOUDLOCALSTATE INTEGER, ZCOMPLETE INTEGER, ZDEPTHTYPE INTEGER, ZFAVORITE INTEGER, "
    "ZHASADJUSTMENTS INTEGER, ZHEIGHT INTEGER, ZHIDDEN INTEGER, ZKIND INTEGER, ZKINDSUBTYPE INTEGER, "
    "ZORIENTATION INTEGER, ZPLAYBACKSTYLE INTEGER, ZSAVEDASSETTYPE INTEGER, ZTHUMBNAILINDEX INTEGER, "
    "ZTRASHEDSTATE INTEGER, ZVISIBILITYSTATE INTEGER, ZWIDTH INTEGER, ZADDITIONALATTRIBUTES INTEGER, ZMASTER INTEGER, "
    "ZADDEDDATE TIMESTAMP, ZDATECREATED TIMESTAMP, ZDURATION FLOAT, ZLATITUDE FLOAT, ZLONGITUDE FLOAT, "
    "ZMODIFICATIONDATE TIMESTAMP, ZSORTTOKEN TIMESTAMP, ZTRASHEDDATE TIMESTAMP, ZAVALANCHEUUID VARCHAR, "
    "ZCLOUDASSETGUID VARCHAR, ZDIRECTORY VARCHAR, ZFILENAME VARCHAR, ZUNIFORMTYPEIDENTIFIER VARCHAR, ZUUID VARCHAR"
)
OTHER_TABLES = {
    "ZADDITIONALASSETATTRIBUTES": "ZORIGINALFILESIZE INTEGER, ZORIGINALHEIGHT INTEGER, ZORIGINALORIENTATION INTEGER, "
    "ZORIGINALWIDTH INTEGER, ZTIMEZONEOFFSET INTEGER, ZCAMERACAPTUREDEVICE INTEGER, ZIMPORTEDBY INTEGER, "
    "ZASSET INTEGER, ZCREATORBUNDLEID VARCHAR, ZEXIFTIMESTAMPSTRING VARCHAR, ZIMPORTEDBYBUNDLEIDENTIFIER VARCHAR, "
    "ZMASTERFINGERPRINT VARCHAR, ZORIGINALFILENAME VARCHAR, ZTIMEZONENAME VARCHAR, ZTITLE VARCHAR",
    "ZCLOUDMASTER": "ZCLOUDLOCALSTATE INTEGER, ZCLOUDMASTERGUID VARCHAR, ZORIGINALFILENAME VARCHAR, "
    "ZUNIFORMTYPEIDENTIFIER VARCHAR, ZCREATIONDATE TIMESTAMP, ZIMPORTDATE TIMESTAMP",
    "ZGENERICALBUM": "ZCACHEDCOUNT INTEGER, ZCACHEDPHOTOSCOUNT INTEGER, ZCACHEDVIDEOSCOUNT INTEGER, "
    "ZCLOUDLOCALSTATE INTEGER, ZKIND INTEGER, ZPARENTFOLDER INTEGER, ZTRASHEDSTATE INTEGER, "
    "ZCREATIONDATE TIMESTAMP, ZTITLE VARCHAR, ZUUID VARCHAR",
    "ZINTERNALRESOURCE": "ZCLOUDLOCALSTATE INTEGER, ZDATALENGTH INTEGER, ZDATASTORECLASSID INTEGER, "
    "ZDATASTORESUBTYPE INTEGER, ZLOCALAVAILABILITY INTEGER, ZLOCALAVAILABILITYTARGET INTEGER, ZRECIPEID INTEGER, "
    "ZREMOTEAVAILABILITY INTEGER, ZREMOTEAVAILABILITYTARGET INTEGER, ZRESOURCETYPE INTEGER, ZTRASHEDSTATE INTEGER, "
    "ZUNORIENTEDHEIGHT INTEGER, ZUNORIENTEDWIDTH INTEGER, ZVERSION INTEGER, ZASSET INTEGER, ZCOMPACTUTI VARCHAR, "
    "ZFINGERPRINT VARCHAR, ZSTABLEHASH VARCHAR",
}
MORE_SCHEMA = """
CREATE TABLE Z_30ASSETS (Z_30ALBUMS INTEGER, Z_3ASSETS INTEGER, Z_FOK_3ASSETS INTEGER,
 PRIMARY KEY (Z_30ALBUMS, Z_3ASSETS));
CREATE INDEX Z_InternalResource_asset ON ZINTERNALRESOURCE (ZASSET);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asset:
    number: int
    kind: Literal[0, 1]
    size: tuple[int, int]
    taken: int
    uuid: str
    folder: str  # below Media
    content: Content | None  # None: only in iCloud
    duration_s: float = 0.0
    in_icloud: bool = False

    @property
    def original_name(self) -> str:
        return f"IMG_{self.number % 10000:04d}.{'JPG' if self.kind == PHOTO else 'MOV'}"

    @property
    def name(self) -> str:
        """The file name. In iCloud's folders it is the asset's UUID."""
        extension = self.original_name[-4:]
        return self.original_name if self.folder.startswith("DCIM") else self.uuid + extension

    @property
    def length(self) -> int:
        """The original's size in bytes; an estimate if it is only in iCloud."""
        return self.content.size if self.content is not None else self.size[0] * self.size[1] // 6

    @property
    def uti(self) -> str:
        return "public.jpeg" if self.kind == PHOTO else "com.apple.quicktime-movie"


def write(author: Author) -> None:
    store = _new_store(author)
    table = asset_table(author.ios)
    rows = [_add_asset(author, store, table, asset) for asset in _invent_assets(author)]
    before = store.to_bytes()
    if rows:
        _add_album(author, store, "Café & Söhne 🏖", rows[::4])
    author.database_with_wal(CAMERA_ROLL, "Media/PhotoData/Photos.sqlite", store, before)
    _write_library_files(author, bool(rows))


def asset_table(ios: tuple[int, ...]) -> str:
    return "ZASSET" if ios >= (14,) else "ZGENERICASSET"


def _new_store(author: Author) -> CoreDataStore:
    tables = {asset_table(author.ios): ASSET_COLUMNS, **OTHER_TABLES}
    return CoreDataStore(ENTITIES, tables, uuid=author.uuid(), more_schema=MORE_SCHEMA)


def _invent_assets(author: Author) -> list[_Asset]:
    """Pictures, videos, pictures only in iCloud, and the large video, in this order and with ascending dates."""
    spec = author.spec
    moments = author.moments(spec.assets)
    assets = []
    for number, taken in enumerate(moments, start=1):
        place = number - spec.photos
        if place <= 0:
            assets.append(_photo(author, number, taken, from_icloud=number == spec.photos >= 6))
        elif place <= spec.videos:
            content = Bytes(encode_movie(*VIDEO_SIZE, author.random, frames=24 + 6 * (number % 2)))
            assets.append(_video(author, number, taken, content, 0.8 + 0.2 * (number % 2)))
        elif place <= spec.videos + spec.icloud_only_photos:
            assets.append(_asset(author, number, taken, PHOTO, SIZES[number % len(SIZES)], None, in_icloud=True))
        else:
            noise = Synthetic(author.random.getrandbits(32), spec.extra_bytes)
            assets.append(_video(author, number, taken, noise, spec.extra_bytes / 2_000_000))
    return assets


def _photo(author: Author, number: int, taken: int, *, from_icloud: bool) -> _Asset:
    size = SIZES[number % len(SIZES)]
    picture = Bytes(draw_picture(*size, author.random, taken=taken))
    return _asset(author, number, taken, PHOTO, size, picture, in_icloud=from_icloud)


def _video(author: Author, number: int, taken: int, content: Content, duration_s: float) -> _Asset:
    return _asset(author, number, taken, VIDEO, VIDEO_SIZE, content, duration_s=duration_s)


def _asset(
    author: Author,
    number: int,
    taken: int,
    kind: Literal[0, 1],
    size: tuple[int, int],
    content: Content | None,
    *,
    duration_s: float = 0.0,
    in_icloud: bool = False,
) -> _Asset:
    folder = f"DCIM/{100 + number // PICTURES_PER_FOLDER}APPLE"
    if in_icloud and content is not None:
        folder = f"PhotoData/CPLAssets/group{author.random.randrange(1, 500)}"
    return _Asset(
        number=number,
        kind=kind,
        size=size,
        taken=taken,
        uuid=author.uuid(),
        folder=folder,
        content=content,
        duration_s=duration_s,
        in_icloud=in_icloud,
    )


def _add_asset(author: Author, store: CoreDataStore, table: str, asset: _Asset) -> int:
    edited = asset.number == 2 and asset.kind == PHOTO and asset.content is not None
    row = _add_rows(author, store, table, asset, edited)
    if asset.content is not None:
        path = f"Media/{asset.folder}/{asset.name}"
        attributes = _extended_attributes(asset, author.time_zone)
        author.file(CAMERA_ROLL, path, asset.content, modified=asset.taken, attributes=attributes)
    thumbnail = draw_picture(*THUMBNAIL, author.random, detail=6)
    author.file(CAMERA_ROLL, f"Media/PhotoData/Thumbnails/V2/{asset.folder}/{asset.name}/5005.JPG", thumbnail)
    if edited:
        _write_edit(author, asset)
    return row


def _add_rows(author: Author, store: CoreDataStore, table: str, asset: _Asset, edited: bool) -> int:
    """Adds an asset's rows: the asset, its attributes, its original and thumbnails, and a master if it is in iCloud."""
    fingerprint = "A" + hashlib.sha256(asset.uuid.encode()).hexdigest()[:27].upper()
    master = None
    if asset.in_icloud:
        known: Row = {"ZCLOUDMASTERGUID": fingerprint, "ZORIGINALFILENAME": asset.original_name}
        master = store.add("CloudMaster", "ZCLOUDMASTER", {"ZCLOUDLOCALSTATE": 3, **known})
    attributes = store.add(
        "AdditionalAssetAttributes",
        "ZADDITIONALASSETATTRIBUTES",
        {
            "ZORIGINALFILESIZE": asset.length,
            "ZORIGINALHEIGHT": asset.size[1],
            "ZORIGINALWIDTH": asset.size[0],
            "ZORIGINALORIENTATION": 1,
            "ZTIMEZONEOFFSET": 7200,
            "ZTIMEZONENAME": author.time_zone,
            "ZORIGINALFILENAME": asset.original_name,
            "ZMASTERFINGERPRINT": fingerprint,
            "ZASSET": asset.number,
        },
    )
    own: Row = {"ZADDITIONALATTRIBUTES": attributes, "ZMASTER": master, "ZHASADJUSTMENTS": int(edited)}
    row = store.add("Asset", table, {**_asset_row(author, asset), **own})
    for subtype in (ORIGINAL, THUMBNAILS):
        resource = _resource_row(asset, subtype, fingerprint)
        store.add("InternalResource", "ZINTERNALRESOURCE", {**resource, "ZASSET": row})
    return row


def _asset_row(author: Author, asset: _Asset) -> Row:
    located = author.random.random() < 0.6
    return {
        "ZCLOUDLOCALSTATE": int(asset.in_icloud),
        "ZCOMPLETE": 1,
        "ZFAVORITE": int(asset.number % 9 == 0),
        "ZHEIGHT": asset.size[1],
        "ZHIDDEN": 0,
        "ZKIND": asset.kind,
        "ZKINDSUBTYPE": 0,
        "ZORIENTATION": 1,
        "ZPLAYBACKSTYLE": 4 if asset.kind == VIDEO else 1,
        "ZSAVEDASSETTYPE": 6 if asset.in_icloud else 3,
        "ZTRASHEDSTATE": 0,
        "ZVISIBILITYSTATE": 0,
        "ZWIDTH": asset.size[0],
        "ZADDEDDATE": apple_seconds(asset.taken),
        "ZDATECREATED": apple_seconds(asset.taken),
        "ZMODIFICATIONDATE": apple_seconds(asset.taken),
        "ZDURATION": asset.duration_s,
        "ZLATITUDE": author.random.randrange(-60_0000, 60_0000) / 10_000 if located else -180.0,
        "ZLONGITUDE": author.random.randrange(-170_0000, 170_0000) / 10_000 if located else -180.0,
        "ZDIRECTORY": asset.folder,
        "ZFILENAME": asset.name,
        "ZUNIFORMTYPEIDENTIFIER": asset.uti,
        "ZUUID": asset.uuid,
    }


def _resource_row(asset: _Asset, subtype: int, fingerprint: str) -> Row:
    """facts 6.3: an original that is only in iCloud is missing locally (-1) and available remotely (1)."""
    original = subtype == ORIGINAL
    return {
        "ZCLOUDLOCALSTATE": 3 if asset.in_icloud else 0,
        "ZDATALENGTH": asset.length if original else 1,
        "ZDATASTORECLASSID": 0,
        "ZDATASTORESUBTYPE": subtype,
        "ZLOCALAVAILABILITY": MISSING if original and asset.content is None else PRESENT,
        "ZREMOTEAVAILABILITY": int(asset.in_icloud),
        "ZRESOURCETYPE": asset.kind if original else PHOTO,
        "ZTRASHEDSTATE": 0,
        "ZVERSION": 0,
        "ZCOMPACTUTI": "1" if asset.kind == PHOTO else "23",
        "ZFINGERPRINT": fingerprint if original else None,
    }


def _extended_attributes(asset: _Asset, time_zone: str) -> dict[str, bytes]:
    """The attributes that assetsd sets on every file (*seen*: iOS 14.3); numbers are little-endian."""
    date = plistlib.dumps(apple_seconds(asset.taken), fmt=plistlib.FMT_BINARY)
    return {
        "com.apple.assetsd.UUID": bytes.fromhex(asset.uuid.replace("-", "")),
        "com.apple.assetsd.addedDate": date,
        "com.apple.assetsd.assetType": b"\x06\x00" if asset.in_icloud else b"\x03\x00",
        "com.apple.assetsd.customCreationDate": date,
        "com.apple.assetsd.favorite": int(asset.number % 9 == 0).to_bytes(2, "little"),
        "com.apple.assetsd.hidden": b"\x00\x00",
        "com.apple.assetsd.originalFilename": asset.original_name.encode(),
        "com.apple.assetsd.timeZoneName": time_zone.encode(),
        "com.apple.assetsd.timeZoneOffset": (7200).to_bytes(4, "little"),
        "com.apple.assetsd.trashed": b"\x00\x00",
    }


def _write_edit(author: Author, asset: _Asset) -> None:
    """Writes the edit of the second picture, which was cropped: the original stays, with the result and the adjustments
    beside it."""
    stem = asset.name.rpartition(".")[0]
    folder = f"Media/PhotoData/Mutations/{asset.folder}/{stem}/Adjustments"
    author.file(CAMERA_ROLL, f"{folder}/FullSizeRender.jpg", draw_picture(640, 480, author.random))
    recipe = {"adjustmentFormatIdentifier": "com.apple.photo", "adjustmentFormatVersion": "1.8"}
    author.plist(CAMERA_ROLL, f"{folder}/Adjustments.plist", {**recipe, "adjustmentData": b"crop"})


def _add_album(author: Author, store: CoreDataStore, title: str, assets: list[int]) -> None:
    known: Row = {"ZKIND": 2, "ZTRASHEDSTATE": 0, "ZCACHEDCOUNT": len(assets), "ZTITLE": title, "ZUUID": author.uuid()}
    album = store.add("Album", "ZGENERICALBUM", known)
    for place, asset in enumerate(assets):
        store.insert("Z_30ASSETS", {"Z_30ALBUMS": album, "Z_3ASSETS": asset, "Z_FOK_3ASSETS": 1024 * (place + 1)})
    author.plist(CAMERA_ROLL, f"Media/PhotoData/AlbumsMetadata/{author.uuid()}.albummetadata", {"title": title})


def _write_library_files(author: Author, used: bool) -> None:
    last = f"{100 + author.spec.assets // PICTURES_PER_FOLDER}"
    where = {"DCIMLastDirectoryNumber": int(last), "DCIMLastFileNumber": author.spec.assets}
    author.plist(CAMERA_ROLL, "Media/PhotoData/MISC/DCIM_APPLE.plist", where)
    author.file(CAMERA_ROLL, "Media/PhotoData/protection", b"")
    author.directory(CAMERA_ROLL, "Media/DCIM")
    for name in (".Photos_SUPPORT/_EXTERNAL_DATA", "CameraMetadata", "FacesMetadata", "Videos"):
        author.directory(CAMERA_ROLL, f"Media/PhotoData/{name}")
    if author.spec.icloud_only_photos:
        marker = {"com.apple.TextEncoding": b"utf-8;134217984"}
        author.file(CAMERA_ROLL, "Media/PhotoData/cpl_enabled_marker", b"1", attributes=marker)
    if used:
        author.file(CAMERA_ROLL, "Media/PhotoData/Caches/GraphService/never-in-a-backup.bin", b"\x00" * 512)
