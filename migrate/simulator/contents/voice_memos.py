"""Voice memos: a Core Data store beside the recordings.

iOS 17 moved both to a group container (*read*: iLEAPP, traceloupe). Before that the folder also holds an older
Recordings.db (*seen*: iOS 14.3); up to iOS 11 it holds only that one (*guessed*).
"""

from __future__ import annotations

from datetime import UTC, datetime

from migrate.simulator.contents.author import MEDIA, Author, apple_seconds
from migrate.simulator.contents.formats.core_data import CoreDataStore
from migrate.simulator.contents.formats.movie import encode_recording
from migrate.simulator.contents.formats.sqlite_file import Row

GROUP = "AppDomainGroup-group.com.apple.VoiceMemos.shared"
CLOUD_ENTITIES: dict[str, int | tuple[int, int]] = {"CloudRecording": 1, "DatabaseProperty": 2, "Folder": 3}
CLOUD_TABLES = {
    "ZCLOUDRECORDING": "ZFLAGS INTEGER, ZSHAREDFLAGS INTEGER, ZFOLDER INTEGER, ZDATE TIMESTAMP, ZDURATION FLOAT, "
    "ZEVICTIONDATE TIMESTAMP, ZLOCALDURATION FLOAT, ZCUSTOMLABEL VARCHAR, ZCUSTOMLABELFORSORTING VARCHAR, "
    "ZENCRYPTEDTITLE VARCHAR, ZPATH VARCHAR, ZUNIQUEID VARCHAR, ZAUDIODIGEST BLOB",
    "ZDATABASEPROPERTY": "ZKEY VARCHAR, ZVALUE BLOB",
    "ZFOLDER": "ZCOUNTOFRECORDINGS INTEGER, ZRANK INTEGER, ZENCRYPTEDNAME VARCHAR, ZUUID VARCHAR",
}
OLD_ENTITIES: dict[str, int | tuple[int, int]] = {"DatabaseProperty": 1, "Recording": 2}
OLD_TABLES = {
    "ZRECORDING": "ZRECORDINGID INTEGER, ZDATE TIMESTAMP, ZDURATION FLOAT, ZLABELPRESET INTEGER, "
    "ZCUSTOMLABEL VARCHAR, ZITUNESPERSISTENTID VARCHAR, ZPATH VARCHAR",
    "ZDATABASEPROPERTY": "ZKEY VARCHAR, ZVALUE BLOB",
}


def place(ios: tuple[int, ...]) -> tuple[str, str]:
    """The domain and folder of the recordings and their store."""
    return (GROUP, "Recordings") if ios >= (17,) else (MEDIA, "Media/Recordings")


def write(author: Author) -> None:
    domain, folder = place(author.ios)
    cloud = CoreDataStore(CLOUD_ENTITIES, CLOUD_TABLES, uuid=author.uuid())
    old = CoreDataStore(OLD_ENTITIES, OLD_TABLES, uuid=author.uuid())
    for moment in author.moments(author.spec.memos):
        duration, uuid = author.random.randint(6, 30), author.uuid()
        name = f"{datetime.fromtimestamp(moment, UTC):%Y%m%d %H%M%S}-{uuid[:8]}.m4a"
        author.file(domain, f"{folder}/{name}", encode_recording(author.random, duration_s=duration), modified=moment)
        common: Row = {"ZDATE": apple_seconds(moment), "ZDURATION": float(duration), "ZPATH": name}
        title = f"{author.title()} 🎤"
        if author.ios >= (12,):
            known: Row = {
                "ZENCRYPTEDTITLE": title,
                "ZCUSTOMLABEL": title,
                "ZUNIQUEID": uuid,
                "ZLOCALDURATION": duration,
            }
            cloud.add("CloudRecording", "ZCLOUDRECORDING", {**common, **known})
        else:
            old.add("Recording", "ZRECORDING", {**common, "ZCUSTOMLABEL": title})
    if author.ios >= (12,):
        author.database(domain, f"{folder}/CloudRecordings.db", cloud, protection_class=4)
        author.directory(domain, f"{folder}/.CloudRecordings_SUPPORT/_EXTERNAL_DATA")
    if author.ios < (17,):
        author.database(domain, f"{folder}/Recordings.db", old)
        author.plist(domain, f"{folder}/AssetManifest.plist", {"Version": 1})
        author.directory(domain, f"{folder}/.Recordings_SUPPORT/_EXTERNAL_DATA")
