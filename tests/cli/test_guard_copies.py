"""Jobs in other processes get a copy of the guard of folders."""

import pickle

from omegaconf import OmegaConf

from locgraph.cli.folders import GuardFolders
from locgraph.storage import is_locked


def test_the_copy_of_a_guard_holds_no_lock(tmp_path):
    config = OmegaConf.create({"hydra": {"sweep": {"dir": str(tmp_path)}}})
    guard = GuardFolders()
    guard.on_multirun_start(config)
    copy = pickle.loads(pickle.dumps(guard))
    copy.on_multirun_end(config)
    assert is_locked(tmp_path)
    guard.on_multirun_end(config)
    assert not is_locked(tmp_path)
