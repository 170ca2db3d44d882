from locgraph.commands.summarise import family_name


def test_family_names_leave_out_the_fold_and_make_names_of_folders():
    assert family_name(["fold.index=2", "model/readout=max", "seed=1"]) == "model_readout=max,seed=1"
    assert family_name(["fold.index=2"]) == "all"


def test_long_family_names_are_cut_and_stay_apart():
    names = {family_name([f"model.some.setting={'9' * 200}{index}"]) for index in range(3)}
    assert len(names) == 3
    assert max(map(len, names)) < 120
