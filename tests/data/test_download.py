"""Downloads: broken, resumed, mirrored, checked, shared; and sets in their real formats, from a server of our own."""
from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest

import workbench as wb
from tests.data.server import serving
from workbench import data, errors
from workbench.data import sets
from workbench.data.download import data_home, download, extract
from workbench.data.sets import sounds, texts
from workbench.data.sets.mnist import read_idx

CONTENT = np.random.default_rng(0).integers(0, 256, 200_000, np.uint8).tobytes()
SHA, MD5 = hashlib.sha256(CONTENT).hexdigest(), hashlib.md5(CONTENT).hexdigest()


@pytest.fixture
def server():
    with serving() as running:
        running.files["f.bin"] = CONTENT
        yield running


def fetch(server, ways, path, **options) -> Path:
    return download([f"{server.url}/{way}/f.bin" for way in ([ways] if isinstance(ways, str) else ways)], path, pause=0, progress=False, **options)


def left(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir() if not entry.name.endswith(".lock")}


# ---------------------------------------------------------------- one file
@pytest.mark.parametrize("way", ["good", "norange", "busy", "silent", "moved"])
@pytest.mark.parametrize("checksum", [SHA, MD5, None], ids=["sha256", "md5", "unchecked"])
def test_a_file_arrives_whole_and_is_fetched_once(way: str, checksum, server, tmp_path) -> None:
    place = tmp_path / "deep" / "f.bin"
    assert fetch(server, way, place, checksum=checksum) == place
    assert place.read_bytes() == CONTENT
    asked = server.requests.total()
    assert fetch(server, way, place, checksum=checksum) == place
    assert server.requests.total() == asked, "it was there"
    assert left(place.parent) == {"f.bin"}


def test_a_broken_transfer_goes_on_where_it_stopped(server, tmp_path) -> None:
    fetch(server, "drop", tmp_path / "f.bin", checksum=SHA, tries=20)
    assert (tmp_path / "f.bin").read_bytes() == CONTENT
    starts = [int(asked[6:-1]) for asked in server.ranges[1:]]
    assert starts == sorted(starts)
    assert starts[0] == len(CONTENT) // 2


def test_what_an_earlier_run_left_is_used(server, tmp_path) -> None:
    (tmp_path / "f.bin.part").write_bytes(CONTENT[:150_000])
    fetch(server, "good", tmp_path / "f.bin", checksum=SHA)
    assert server.ranges == ["bytes=150000-"]
    assert (tmp_path / "f.bin").read_bytes() == CONTENT


@pytest.mark.parametrize("way", ["norange", "good"])
@pytest.mark.parametrize("remains", [b"something else" * 1000, CONTENT + b"more", CONTENT[:-1] + b"?"], ids=["other", "longer", "as long"])
def test_wrong_remains_are_thrown_away(way: str, remains: bytes, server, tmp_path) -> None:
    (tmp_path / "f.bin.part").write_bytes(remains)
    fetch(server, way, tmp_path / "f.bin", checksum=SHA)
    assert (tmp_path / "f.bin").read_bytes() == CONTENT
    assert left(tmp_path) == {"f.bin"}


def test_a_transfer_without_range_begins_anew(server, tmp_path) -> None:
    with pytest.raises(errors.DownloadError, match="ended after 100,000 of 200,000 bytes"):
        fetch(server, "drop-norange", tmp_path / "f.bin", checksum=SHA, tries=3)
    assert (tmp_path / "f.bin.part").stat().st_size == 100_000
    fetch(server, ["drop-norange", "good"], tmp_path / "f.bin", checksum=SHA, tries=2)
    assert (tmp_path / "f.bin").read_bytes() == CONTENT


@pytest.mark.parametrize("way", ["missing", "wrong", "cut", "astray"])
def test_the_next_address_is_tried(way: str, server, tmp_path) -> None:
    (tmp_path / "f.bin.part").write_bytes(CONTENT[:1000])
    fetch(server, [way, "good"], tmp_path / "f.bin", checksum=SHA, tries=2)
    assert (tmp_path / "f.bin").read_bytes() == CONTENT


def test_a_wrong_continuation_is_noticed(server, tmp_path) -> None:
    (tmp_path / "f.bin.part").write_bytes(CONTENT[:1000])
    with pytest.raises(errors.DownloadError, match="continues at"):
        fetch(server, "astray", tmp_path / "f.bin", checksum=SHA)


def test_without_a_checksum_remains_of_an_earlier_run_are_not_believed(server, tmp_path) -> None:
    (tmp_path / "f.bin.part").write_bytes(b"?" * 1000)
    fetch(server, "good", tmp_path / "f.bin")
    assert (tmp_path / "f.bin").read_bytes() == CONTENT


@pytest.mark.parametrize("tagged", [True, False])
def test_a_file_that_changes_between_two_tries_is_not_put_together_of_both(tagged: bool, server, tmp_path) -> None:
    server.tagged = tagged
    with pytest.raises(errors.DownloadError, match="ended after 100,000"):
        fetch(server, "drop-changed", tmp_path / "f.bin", tries=2)
    if not tagged:
        return  # whoever cannot tell versions apart begins anew each time, and this server always breaks off
    fetch(server, "drop-changed", tmp_path / "f.bin", tries=20)
    assert (tmp_path / "f.bin").read_bytes() == CONTENT[::-1]


def test_what_is_no_address_is_an_error(tmp_path) -> None:
    with pytest.raises(errors.ArgumentError, match="'example.org/x' is no address"):
        download("example.org/x", tmp_path / "x")


@pytest.mark.parametrize(("way", "reason"), [("missing", "404"), ("wrong", "sha256"), ("cut", "ended after 100 of 200,000"), ("slow", "timed out")])
def test_when_nothing_helps_the_error_says_how_to_place_the_file(way: str, reason: str, server, tmp_path) -> None:
    place = tmp_path / "f.bin"
    with pytest.raises(errors.DownloadError, match=reason) as caught:
        fetch(server, way, place, checksum=SHA, tries=2, timeout=0.2)
    assert f"/{way}/f.bin" in str(caught.value)
    assert str(place) in str(caught.value)
    assert SHA in str(caught.value)
    assert not place.exists()
    assert server.requests.total() == (1 if way in ("missing", "wrong") else 2), "what cannot go better is not tried again"


def test_without_a_network_the_reason_is_named(tmp_path) -> None:
    with pytest.raises(errors.DownloadError, match=r"(?s)refused.*place it by hand") as caught:
        download("http://127.0.0.1:9/f.bin", tmp_path / "f.bin", tries=1)
    assert isinstance(caught.value, OSError)


def test_a_file_that_is_there_is_checked_and_never_overwritten(server, tmp_path) -> None:
    (tmp_path / "f.bin").write_bytes(b"mine")
    with pytest.raises(errors.DownloadError, match="not the file it should be"):
        fetch(server, "good", tmp_path / "f.bin", checksum=SHA)
    assert (tmp_path / "f.bin").read_bytes() == b"mine"
    assert not server.requests


def test_of_many_that_ask_at_once_one_fetches(server, tmp_path) -> None:
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(fetch(server, "good", tmp_path / "f.bin", checksum=SHA).read_bytes())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [CONTENT] * 8
    assert server.requests.total() == 1


@pytest.mark.parametrize("wrong", [dict(checksum="abc"), dict(checksum="X" * 64), dict(tries=0)])
def test_wrong_arguments_are_an_error(wrong, server, tmp_path) -> None:
    with pytest.raises(errors.ArgumentError):
        fetch(server, "good", tmp_path / "f.bin", **wrong)
    assert not server.requests


def test_the_folder_of_data_follows_the_environment(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("WB_DATA", str(tmp_path))
    assert data_home() == tmp_path
    monkeypatch.delenv("WB_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("sys.platform", "linux")
    assert data_home() == tmp_path / "cache" / "workbench" / "data"


# ---------------------------------------------------------------- archives
def tar_of(entries: dict[str, bytes | str], path: Path) -> Path:
    """Bytes are files; a text is the target of a symbolic link."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in entries.items():
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                archive.addfile(member)
            else:
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return path


def zip_of(entries: dict[str, bytes], path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("pack", [tar_of, zip_of])
def test_archives_are_taken_apart_once(pack, tmp_path) -> None:
    archive = pack({"a/b.txt": b"b", "c.txt": b"c"}, tmp_path / "x.archive")
    folder = extract(archive, tmp_path / "out")
    assert (folder / "a" / "b.txt").read_bytes() == b"b"
    (folder / "c.txt").write_bytes(b"changed")
    assert (extract(archive, tmp_path / "out") / "c.txt").read_bytes() == b"changed"


@pytest.mark.parametrize("pack", [tar_of, zip_of])
@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/tmp/evil", "a\\..\\evil", "C:evil"])
def test_names_that_lead_out_are_refused(pack, name: str, tmp_path) -> None:
    archive = pack({"fine.txt": b"fine", name: b"evil"}, tmp_path / "x.archive")
    with pytest.raises(errors.DownloadError, match="leads out"):
        extract(archive, tmp_path / "deep" / "out")
    assert left(tmp_path / "deep") == set()
    assert not list(tmp_path.rglob("evil"))


def test_links_are_refused(tmp_path) -> None:
    archive = tar_of({"link": "/etc", "link/passwd": b"evil"}, tmp_path / "x.tar.gz")
    with pytest.raises(errors.DownloadError, match="neither a file nor a folder"):
        extract(archive, tmp_path / "deep" / "out")
    assert left(tmp_path / "deep") == set()


def test_links_in_a_zip_are_refused(tmp_path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        entry = zipfile.ZipInfo("link")
        entry.external_attr = 0o120777 << 16
        archive.writestr(entry, "/etc/passwd")
    with pytest.raises(errors.DownloadError, match="neither a file nor a folder"):
        extract(tmp_path / "x.zip", tmp_path / "deep" / "out")


@pytest.mark.parametrize("damage", [lambda content: content[:-40], lambda content: b"not an archive", lambda content: content[:60] + b"\0" * 9 + content[69:]])
def test_damaged_archives_are_refused(damage, tmp_path) -> None:
    archive = tar_of({"a.bin": CONTENT[:5000]}, tmp_path / "x.tar.gz")
    archive.write_bytes(damage(archive.read_bytes()))
    with pytest.raises(errors.DownloadError, match="cannot be taken apart"):
        extract(archive, tmp_path / "deep" / "out")
    assert left(tmp_path / "deep") == set()


# ---------------------------------------------------------------- sets
def idx(array: np.ndarray) -> bytes:
    """The bytes of an array in the IDX format."""
    kinds = {"uint8": 8, "int32": 0x0C, "float32": 0x0D}
    return bytes([0, 0, kinds[array.dtype.name], array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.astype(array.dtype.newbyteorder(">")).tobytes()


def publish(server, kind: type, monkeypatch, files: dict[str, bytes]) -> None:
    """Put files on the server, and let a class expect them there."""
    server.files.update(files)
    monkeypatch.setattr(kind, "mirrors", (f"{server.url}/good/",))
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    if hasattr(kind, "checksums"):
        monkeypatch.setattr(kind, "checksums", sums)
    else:
        monkeypatch.setattr(kind, "archive", next(iter(sums.items())))


@pytest.mark.parametrize("kind", [data.MNIST, data.FashionMNIST])
def test_mnist_is_read_from_its_packed_files(kind, server, tmp_path, monkeypatch) -> None:
    rng = np.random.default_rng(0)
    arrays = {name: (rng.integers(0, 256, (count, 28, 28), np.uint8), rng.integers(0, 10, count).astype(np.uint8)) for name, count in (("train", 6), ("t10k", 3))}
    publish(server, kind, monkeypatch, {f"{name}-{what}-ubyte.gz": gzip.compress(idx(array)) for name, both in arrays.items()
                                        for what, array in zip(("images-idx3", "labels-idx1"), both, strict=True)})
    train, test = kind(tmp_path), kind(tmp_path, train=False)
    assert (len(train), len(test), len(train.classes)) == (6, 3, 10)
    np.testing.assert_array_equal(train.data[:, 0], arrays["train"][0])
    x, y = train[2]
    assert (x.shape, x.dtype, y.item()) == ((1, 28, 28), wb.float32, arrays["train"][1][2])
    np.testing.assert_allclose(x.numpy()[0] * 255, arrays["train"][0][2], rtol=1e-6)
    batch, labels = next(iter(data.DataLoader(train, 4)))
    assert (batch.shape, labels.tolist()) == ((4, 1, 28, 28), arrays["train"][1][:4].tolist())
    asked = server.requests.total()
    again = kind(tmp_path, transform=data.transforms.Resize(14), target_transform=lambda label: label + 100, download=False)
    assert again[0][0].shape == (1, 14, 14)
    assert again[0][1] >= 100
    assert (train.takes_many, again.takes_many) == (True, False), "a transform sees one image at a time"
    assert next(iter(data.DataLoader(again, 2)))[0].shape == (2, 1, 14, 14)
    assert server.requests.total() == asked


@pytest.mark.parametrize("kind", [data.CIFAR10, data.CIFAR100])
def test_cifar_is_read_from_its_binary_archive(kind, server, tmp_path, monkeypatch) -> None:
    rng = np.random.default_rng(0)
    count = 10 if kind is data.CIFAR10 else 100
    members, expected = {f"cifar/{kind.names}": "\n".join(f"class{n}" for n in range(count)).encode() + b"\n\n"}, {True: [], False: []}
    for train, names in kind.files.items():
        for name in names:
            images, fine = rng.integers(0, 256, (4, 3, 32, 32), np.uint8), rng.integers(0, count, 4).astype(np.uint8)
            coarse = [np.full((4, 1), 7, np.uint8)] * (kind.labels - 1)
            members[f"cifar/{name}"] = np.concatenate([*coarse, fine[:, None], images.reshape(4, -1)], axis=1).tobytes()
            expected[train].append((images, fine))
    publish(server, kind, monkeypatch, {"x-binary.tar.gz": tar_of(members, tmp_path / "x.tar.gz").read_bytes()})
    for train, parts in expected.items():
        found = kind(tmp_path / "home", train=train)
        np.testing.assert_array_equal(found.data, np.concatenate([images for images, _ in parts]))
        np.testing.assert_array_equal(found.targets, np.concatenate([fine for _, fine in parts]))
        assert found.classes[-1] == f"class{count - 1}"
    assert server.requests.total() == 1
    (tmp_path / "home" / kind.__name__ / "x-binary.tar.gz").unlink()
    assert len(kind(tmp_path / "home", download=False)) == 4 * len(kind.files[True]), "what is unpacked needs no archive"


def test_sets_whose_parts_do_not_fit_are_refused(server, tmp_path, monkeypatch) -> None:
    files = {f"{name}-{what}-ubyte.gz": gzip.compress(idx(np.zeros(shape, np.uint8))) for name in ("train", "t10k")
             for what, shape in (("images-idx3", (3, 28, 28)), ("labels-idx1", (2,)))}
    publish(server, data.MNIST, monkeypatch, files)
    with pytest.raises(errors.DownloadError, match="labels of shape"):
        data.MNIST(tmp_path)
    record = np.full(3073, 9, np.uint8).tobytes()
    members = {"batches.meta.txt": b"only\nthree\nclasses\n", "test_batch.bin": record}
    publish(server, data.CIFAR10, monkeypatch, {"y-binary.tar.gz": tar_of(members, tmp_path / "y.tar.gz").read_bytes()})
    with pytest.raises(errors.DownloadError, match="3 names"):
        data.CIFAR10(tmp_path, train=False)
    with pytest.raises(errors.DownloadError, match="has no data_batch_1"):
        data.CIFAR10(tmp_path)


def test_tiny_shakespeare_and_imdb(server, tmp_path, monkeypatch) -> None:
    play = b"First Citizen:\nBefore we proceed any further, hear me speak.\n" * 3
    reviews = tar_of({f"aclImdb/{split}/{kind}/{n}_7.txt": f"{kind} {n}".encode() for split in ("train", "test") for kind in ("pos", "neg", "unsup")
                      for n in range(2)}, tmp_path / "x.tar.gz").read_bytes()
    server.files.update({"input.txt": play, "aclImdb_v1.tar.gz": reviews})
    place = (f"{server.url}/good/",)
    monkeypatch.setattr(texts, "SHAKESPEARE", texts.Source("input.txt", hashlib.sha256(play).hexdigest(), place))
    monkeypatch.setattr(texts, "REVIEWS", texts.Source("aclImdb_v1.tar.gz", hashlib.md5(reviews).hexdigest(), place))
    corpus = data.tiny_shakespeare(tmp_path)
    assert corpus.text.startswith("First Citizen")
    assert corpus.decode(corpus.windows(5)[0][0].tolist()) == "First"
    train = data.IMDB(tmp_path, transform=str.upper)
    assert [train[n] for n in (0, 3)] == [("NEG 0", 0), ("POS 1", 1)]
    assert len(data.IMDB(tmp_path, "test")) == 4


def test_spoken_words_are_divided_by_the_lists_in_the_archive(server, tmp_path, monkeypatch) -> None:
    data.audio.save(tmp_path / "s.wav", np.zeros((1, 160)), 16000)
    sound = (tmp_path / "s.wav").read_bytes()
    members = {f"./{word}/{n}.wav": sound for word in ("yes", "no", "_background_noise_") for n in range(3)}
    members |= {"validation_list.txt": b"yes/0.wav\n", "testing_list.txt": b"no/2.wav\nyes/1.wav\n", "LICENSE": b""}
    packed = tar_of(members, tmp_path / "x.tar.gz").read_bytes()
    server.files["speech_commands_v0.02.tar.gz"] = packed
    monkeypatch.setattr(sounds, "WORDS", sounds.Source("speech_commands_v0.02.tar.gz", hashlib.sha256(packed).hexdigest(), (f"{server.url}/good/",)))
    seen = {subset: [(path.parent.name, path.stem, label) for path, label in data.SpeechCommands(tmp_path / "home", subset).samples]
            for subset in ("training", "validation", "testing", None)}
    assert seen["validation"] == [("yes", "0", 1)]
    assert seen["testing"] == [("no", "2", 0), ("yes", "1", 1)]
    assert seen["training"] == [("no", "0", 0), ("no", "1", 0), ("yes", "2", 1)]
    assert len(seen[None]) == 6
    found = data.SpeechCommands(tmp_path / "home", "testing", transform=lambda x: x.shape)
    assert (found[0], found.classes) == (((1, 160), 0), ["no", "yes"])
    with pytest.raises(errors.ArgumentError):
        data.SpeechCommands(tmp_path / "home", "train")


def test_without_download_a_missing_set_is_an_error(tmp_path) -> None:
    for make in (data.MNIST, data.CIFAR10):
        with pytest.raises(errors.DownloadError, match="download=False"):
            make(tmp_path, download=False)


def test_published_checksums_have_their_lengths() -> None:
    sums = [value for kind in (data.MNIST, data.FashionMNIST) for value in kind.checksums.values()]
    sums += [data.CIFAR10.archive[1], data.CIFAR100.archive[1], texts.SHAKESPEARE.checksum, texts.REVIEWS.checksum, sounds.WORDS.checksum]
    assert len(set(sums)) == 13
    assert {len(value) for value in sums} == {64, 32}
    assert set(sets.__all__) <= set(data.__all__)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.float32])
def test_idx_files_of_any_type_are_read(dtype, tmp_path) -> None:
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    (tmp_path / "x").write_bytes(idx(array))
    found = read_idx(tmp_path / "x")
    np.testing.assert_array_equal(found, array)
    assert found.dtype == dtype


@pytest.mark.parametrize("content", [b"", b"\0\0", b"\1\0\x08\1\0\0\0\0", b"\0\0\x07\1\0\0\0\0", b"\0\0\x08\1\0\0\0\5abcd", b"\0\0\x08\1\0\0\0\3abcd",
                                     b"\0\0\x08\2\0\0\0\3", gzip.compress(idx(np.zeros(999, np.uint8)), mtime=0)[:-12]])
def test_what_is_no_idx_file_is_refused(content: bytes, tmp_path) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(errors.DownloadError, match="x"):
        read_idx(tmp_path / "x")


def test_a_cut_off_batch_is_refused(tmp_path) -> None:
    (tmp_path / "x.bin").write_bytes(bytes(3073 * 2 - 1))
    with pytest.raises(errors.DownloadError, match="whole number of records"):
        sets.cifar.read_records(tmp_path / "x.bin", 1)
