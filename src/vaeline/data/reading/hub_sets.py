"""Opening a data set with Hugging Face's `datasets`: one of the hub, at one commit, or a local one."""

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from vaeline.core.errors import VaelineError
from vaeline.data.reading.downloads import CONNECTION_SECONDS
from vaeline.data.reading.sources import LONGEST_REASON

SAVED = ("dataset_dict.json", "state.json")
"""One of these is in a folder that `save_to_disk` has written."""
LOCAL_SET = "a local one is read with `dvc exp run -S \"data.huggingface.name=''\" -S data.path=PATH`"
ANY_SET = f"{LOCAL_SET}, one of the hub with `dvc exp run -S data.huggingface.name=OWNER/SET`"


class OpenedSet(NamedTuple):
    """A data set, of which no row has been read.

    Attributes:
        splits: the `Dataset` or `IterableDataset` of each split, by its name.
        place: what it is called in messages.
        commit: of the hub's repository; "" for a local set.
    """

    splits: Mapping[str, Any]
    place: str
    commit: str = ""


def hub_set(name: str, revision: str, config: str) -> OpenedSet:
    """Opens a set of the hub, whose rows are then streamed: nothing of it is kept on disk.

    Args:
        name: `owner/set`.
        revision: a commit, tag or branch; "" is the main branch.
        config: one of the set's configurations; "" is its only one, or its default.

    Raises:
        VaelineError: if there is no such set, revision or configuration, if the hub cannot be reached, or if
            `datasets` is not installed.
    """
    place = f"data.huggingface.name = {name!r}"
    info = _info(name, revision, place)
    # By its full name: a short one might be that of a folder here, which load_dataset would take.
    return OpenedSet(_streamed(info.id, place, config, revision=info.sha), info.id, info.sha)


def local_set(path: Path, config: str) -> OpenedSet:
    """Opens a folder that `save_to_disk` has written, or one of files that `load_dataset` reads.

    Raises:
        VaelineError: if there is no such folder or no set in it, or if `datasets` is not installed.
    """
    place = f"data.path = {str(path)!r}"
    if not path.is_dir():
        raise VaelineError(f"{place}: there is no such folder: set it to that of a data set, {ANY_SET}")
    if not any((path / name).exists() for name in SAVED):
        return OpenedSet(_streamed(str(path.resolve()), place, config), str(path))
    try:
        saved = _datasets().load_from_disk(str(path.resolve()))
    except Exception as error:  # damaged files raise anything
        raise VaelineError(f"{place}: not what save_to_disk writes ({brief(error)}): save it again") from None
    return OpenedSet(saved if isinstance(saved, dict) else {"train": saved}, str(path))


def brief(error: Exception) -> str:
    """Returns an error in one line, without the details of the request."""
    text = " ".join(str(error).partition("(Request ID")[0].split())
    return f"{type(error).__name__}: {text[:LONGEST_REASON]}" if text else type(error).__name__


def _datasets() -> ModuleType:
    """Returns the package `datasets`, which only these sets need, and which takes seconds to import."""
    try:
        import datasets
    except ImportError:
        raise VaelineError(
            "data.name = huggingface: the package 'datasets' is missing: `pip install 'vaeline[huggingface]'`"
        ) from None
    return datasets


def _info(name: str, revision: str, place: str) -> Any:
    """Returns what the hub says about a set, such as its commit; it is asked once, with a time limit."""
    _datasets()  # brings the hub's client with it
    import huggingface_hub as hub

    try:
        return hub.HfApi().dataset_info(name, revision=revision or None, timeout=CONNECTION_SECONDS)
    except hub.errors.GatedRepoError:
        raise VaelineError(f"{place}: ask for access on its page, then `hf auth login`") from None
    except (hub.errors.RepositoryNotFoundError, hub.errors.HFValidationError):
        raise VaelineError(
            f"{place}: the hub has no such data set, or it is private (`hf auth login`): {ANY_SET}"
        ) from None
    except hub.errors.RevisionNotFoundError:
        raise VaelineError(
            f"{place}: it has no revision {revision!r}: name a commit, tag or branch of it, "
            "`dvc exp run -S data.huggingface.revision=main`"
        ) from None
    except Exception as error:  # of sockets, TLS, HTTP, JSON
        raise VaelineError(f"{place}: the hub cannot be reached ({brief(error)}): {LOCAL_SET}") from None


def _streamed(path: str, place: str, config: str, **options: str) -> Mapping[str, Any]:
    """Returns the splits as `load_dataset(…, streaming=True)` does, but holds no Parquet file whole."""
    prepare = _datasets().load_dataset_builder
    try:
        builder = prepare(path, name=config or None, **options)
        if hasattr(builder.config, "fragment_scan_options"):
            builder.config.fragment_scan_options = _unbuffered()
        splits: Mapping[str, Any] = builder.as_streaming_dataset()
    except Exception as error:  # what cannot be loaded raises anything
        raise VaelineError(f"{place}: no data set can be loaded ({brief(error)}): {ANY_SET}") from None
    return splits


def _unbuffered() -> Any:
    """Returns options by which Arrow does not read a whole Parquet file ahead, as it does by default."""
    from pyarrow.dataset import ParquetFragmentScanOptions

    return ParquetFragmentScanOptions(pre_buffer=False, use_buffered_stream=True)
