"""The versions of objects, as an S3 server lists them.

The SDK lists them too, but gives up at a time with nanoseconds, as one server writes it:
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import unquote_plus
from xml.etree import ElementTree


@dataclass(frozen=True)
class ObjectVersion:
    """One version of an object, or the mark that it was removed; `id` is None where the bucket keeps no versions."""

    key: str
    id: str | None
    at: datetime
    deleted: bool
    latest: bool
    """Whether this is what a reader gets who names no version."""


def list_versions(ask: Callable[[dict[str, str]], bytes], prefix: str) -> Iterator[ObjectVersion]:
    """All versions under a prefix: keys in order, of each key the oldest first.

    `ask` sends the query of a page to the server and returns its answer. Raises ValueError when that is no listing.
    """
    found: dict[str, list[ObjectVersion]] = {}
    query = {"versions": "", "prefix": prefix, "encoding-type": "url"}
    while True:
        page = _parse(ask(query))
        for version in _on(page):
            own = found.setdefault(version.key, [])
            if version not in own:  # versitygw begins a page with the version that ended the page before
                own.append(version)
        if page.findtext("IsTruncated") != "true":
            break
        query |= {"key-marker": unquote_plus(page.findtext("NextKeyMarker") or "")}
        query |= {"version-id-marker": page.findtext("NextVersionIdMarker") or ""}
    for key in sorted(found):
        # A server lists the newest first. Times alone do not tell: most servers round them to seconds.
        oldest_first = found[key][::-1]
        yield from sorted(oldest_first, key=lambda version: (version.latest, version.at, version.deleted))


def _parse(answer: bytes) -> ElementTree.Element:
    try:
        page = ElementTree.fromstring(answer)  # noqa: S314 - the store is trusted with more than this
    except ElementTree.ParseError as error:
        raise ValueError(f"no XML: {error}") from None
    for element in page.iter():
        element.tag = element.tag.rpartition("}")[2]  # some servers name the namespace, some do not
    return page


def _on(page: ElementTree.Element) -> Iterator[ObjectVersion]:
    encoded = page.findtext("EncodingType") == "url"
    for element in page:
        if element.tag in ("Version", "DeleteMarker"):
            key, version = element.findtext("Key") or "", element.findtext("VersionId")
            yield ObjectVersion(
                unquote_plus(key) if encoded else key,
                None if version in (None, "", "null") else version,
                _time(element.findtext("LastModified") or ""),
                element.tag == "DeleteMarker",
                element.findtext("IsLatest") == "true",
            )


def _time(text: str) -> datetime:
    """A time in UTC, to the microsecond."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
