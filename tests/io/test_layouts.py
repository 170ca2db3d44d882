"""Files of known software: which columns are taken, in which unit, and tables that only resemble them."""

import json
from math import sqrt

import polars as pl
import pytest

from locgraph import schema
from locgraph.errors import DataError
from locgraph.io.columns import MAPPABLE, FileColumns
from locgraph.io.header import PREAMBLE, Header
from locgraph.io.layouts import recognise
from locgraph.io.read import read_localisations
from locgraph.io.software import choose, in_nm, units_in_names

UNITS = {name: column.unit for name, column in schema.LOCALISATION_COLUMNS.items()}
DECODE_COMMENT = '# DECODE EmitterSet\n# {}\n# {"xy_unit": "nm", "px_size": null}'
MICROMANAGER_LINE = "application_id: 1\tlocation_units: NM\tintensity_units: PHOTONS"
TABLES = {
    "locgraph": (list(MAPPABLE), {"units": json.dumps(UNITS)}),
    "ThunderSTORM": (["x [nm]", "y [nm]", "z [nm]", "uncertainty [nm]", "sigma1 [nm]", "sigma2 [nm]", "frame"], {}),
    "ONI Nanoimager": (["X (nm)", "Y (nm)", "Z (nm)", "X precision (nm)", "Y precision (nm)", "Frame"], {}),
    "ONI CODI": (["x-nm", "y-nm", "var-x-nm2", "var-y-nm2", "sigma-x-mean-nm", "sigma-y-mean-nm"], {}),
    "Zeiss ELYRA": (["First Frame", "Position X [nm]", "Position Y [nm]", "Precision [nm]"], {}),
    "Nikon N-STORM": (["X", "Y", "Xc", "Yc", "Z", "Frame", "Lateral Localization Accuracy"], {}),
    "Picasso (text for NIS)": (["X", "Y", "Channel", "Width", "BG", "Length", "Area", "Frame"], {}),
    "SMAP": (["xnm", "ynm", "znm", "locprecnm", "locprecznm", "PSFxnm", "PSFynm"], {}),
    "DECODE": (["x", "y", "z", "x_sig", "y_sig", "z_sig"], {PREAMBLE: DECODE_COMMENT}),
    "Micro-Manager": (["x", "y", "z", "intensity", "x_precision"], {PREAMBLE: MICROMANAGER_LINE}),
    "EPFL challenge": (["xnano", "ynano", "znano", "frame"], {}),
}


@pytest.fixture
def read(tmp_path):
    """Read a text as a file of known software."""

    def read(text, name="a.csv", encoding="utf-8", **settings):
        (tmp_path / name).write_bytes(text.encode(encoding))
        return read_localisations(tmp_path / name, FileColumns(**settings), 0.0)

    return read


@pytest.mark.parametrize("software", TABLES)
def test_a_table_is_recognised_with_a_unit_for_each_length(software):
    names, metadata = TABLES[software]
    layout = recognise(names, metadata)

    assert layout.software == software
    assert set(layout.names) <= set(MAPPABLE)
    assert set(layout.units) == {name for name in layout.names if schema.is_length(name)}
    columns = FileColumns().for_file(Header(tuple(names), metadata, layout), "a.csv")
    assert set(columns.present(names)) == set(layout.names)


@pytest.mark.parametrize(
    "names",
    [
        *([], ["x", "y"], ["x", "y", "z", "frame", "photons"], ["x [nm]", "frame"], ["x [ADU]", "y [ADU]"], ["xnano"]),
        *(["X (nm)"], ["x (nm)", "y (nm)"], ["X (nm)", "Y (pix)"], ["x-nm", "y-nm"], ["xnm", "y"]),
        *(["Position X [nm]", "Position Y [nm]"], ["X", "Y", "Frame"], ["X", "Y", "Xc", "Yc"], ["X", "Y"]),
        ["X", "Y", "Channel", "Width", "BG", "Length", "Area", "Frame", "Zc"],
        ["Time(sec)", "X(nm)", "Y(nm)", "Alt(ft)"],  # nautical miles
    ],
)
def test_tables_that_only_resemble_them(names):
    assert recognise(names, {}) is None


@pytest.mark.parametrize(
    "metadata",
    [{"units": "nm"}, {"units": "[1]"}, {"units": '{"x": "nm"}'}, {"units": "[" * 100_000}, {"units": '{"a": "nm"}'}],
)
def test_metadata_that_state_no_units(metadata):
    assert recognise(["x", "y"], metadata) is None


def test_the_first_choice_that_is_wholly_there_counts():
    choices = {"x": ("b", "a"), "precision": (("lpx", "lpy"), "lpx"), "z": ("z",)}

    assert choose(["a", "b"], choices) == {"x": "b"}
    assert choose(["lpy", "lpx", "a"], choices) == {"x": "a", "precision": ("lpx", "lpy")}
    assert choose(["lpx"], choices) == {"precision": "lpx"}
    assert choose(["lpy"], choices) == {}


def test_names_that_are_spelt_alike():
    choices = {"x": ("x [um]",), "photons": ("intensity [photon]",), "y": ("y [nm]",)}

    names = ["x[ µm ]", "intensity  [photons]", "y[nm]", "y [nm]"]
    assert choose(names, choices) == {"x": "x[ µm ]", "photons": "intensity  [photons]", "y": "y [nm]"}


def test_units_of_lengths():
    chosen = {"x": "x [um]", "precision": ("X (pix)", "Y (pix)"), "photons": "N (nm)", "z": "z"}

    assert units_in_names(chosen) == {"x": "um", "precision": "px"}
    assert in_nm({"x": "a", "frame": "b", "sigma": "c", "sigma_variance": "d"}) == {"x": "nm", "sigma": "nm"}


def test_own_tables(tmp_path):
    path = tmp_path / "a.parquet"
    units = {"x": "um", "y": "nm", "z": "um", "photons": "photons", "frame": "frames", "view": "1"}
    table = pl.DataFrame({"x": [1.5], "y": [2.0], "z": [0.25], "photons": [700.0], "frame": [4], "view": 1, "sigma": 9})
    table.write_parquet(path, metadata={"units": json.dumps(units)})

    row = read_localisations(path, FileColumns(), 0.0).table.row(0, named=True)

    # neither a column that is made here, nor one without a unit
    assert row == {"x": 1500.0, "y": 2.0, "z": 250.0, "frame": 0, "photons": 700.0}


def test_thunderstorm():
    old = recognise(
        [
            *("id", "frame", "x [nm]", "y [nm]", "sigma [nm]", "intensity [photon]", "offset [photon]"),
            *("bkgstd [photon]", "chi2", "uncertainty [nm]", "detections"),
        ],
        {},
    )
    assert old.names == {
        "x": "x [nm]",
        "y": "y [nm]",
        "frame": "frame",
        "photons": "intensity [photon]",
        "precision": "uncertainty [nm]",
        "sigma": "sigma [nm]",
        "background": "offset [photon]",
        "n_frames": "detections",
    }
    new = recognise([*TABLES["ThunderSTORM"][0], "uncertainty_xy [nm]", "uncertainty_z [nm]"], {})
    assert new.names["sigma"] == ("sigma1 [nm]", "sigma2 [nm]")
    assert new.names["precision"] == "uncertainty_xy [nm]"
    assert new.names["precision_z"] == "uncertainty_z [nm]"
    mixed = recognise(["x [um]", "y [px]", "uncertainty [nm]", "intensity [ADU]"], {})
    assert mixed.units == {"x": "um", "y": "px", "precision": "nm"}
    assert "photons" not in mixed.names


def test_thunderstorm_in_micrometres(read):
    row = read('"frame","x [um]","y [um]","z [um]","sigma1 [um]","sigma2 [um]"\n1,1,2,-0.5,0.1,0.2\n').table.row(0)

    assert row == (1000.0, 2000.0, -500.0, 0, pytest.approx(sqrt((100**2 + 200**2) / 2)))


def test_thunderstorm_of_an_instrument(test_data):
    locs = read_localisations(test_data / "formats" / "thunderstorm_dstorm.csv", FileColumns(), 0.0)

    assert (locs.table.height, locs.dimensions) == (19, 2)
    assert locs.table.row(0, named=True) == {
        "x": 1320.109670647555,
        "y": 26344.7124618434,
        "frame": 0,
        "photons": 296.55843680038157,
        "precision": 22.93255128689051,
        "sigma": 143.3057892573866,
        "background": 31.3024090311172,
    }


# the columns that NimOS can export, as named in "Features of ONI data" of locpix-points
NIMOS = (
    "Channel,Frame,X (nm),Y (nm),Z (nm),X precision (nm),Y precision (nm),X (pix),Y (pix),Z (pix),X precision (pix),"
    "Y precision (pix),Photons,Background,PSF Sigma X (pix),PSF Sigma Y (pix),Sigma X var,Sigma Y var,p-value\n"
    "1,7,1170,2340,50,6,8,10,20,0.4,0.05,0.07,900,2.5,1,1.4,0.1,0.3,0.75\n"
)


def test_nanoimager(read):
    assert read(NIMOS, pixel_size_nm=117).table.row(0, named=True) == {
        "x": 1170.0,
        "y": 2340.0,
        "z": 50.0,
        "frame": 0,
        "photons": 900.0,
        "precision": pytest.approx(sqrt((6**2 + 8**2) / 2)),
        "sigma": pytest.approx(117 * sqrt((1 + 1.4**2) / 2)),
        "background": 2.5,
        "sigma_variance": pytest.approx(sqrt((0.1**2 + 0.3**2) / 2)),
        "p_value": 0.75,
        "channel": 1,
    }


def test_nanoimager_in_pixels(read):
    row = read("Frame,X (pix),Y (pix),X precision (pix)\n1,10,20,0.1\n", pixel_size_nm=117).table.row(0, named=True)

    assert row == {"x": 1170.0, "y": 2340.0, "frame": 0, "precision": pytest.approx(11.7)}
    assert recognise(["X (nm)", "X (pix)", "Y (pix)"], {}).names == {"x": "X (pix)", "y": "Y (pix)"}


def test_a_width_in_pixels_needs_their_size_or_is_left_out(read):
    with pytest.raises(DataError, match=r"ONI Nanoimager gives sigma .* NimOS .*leave_out=\[sigma\]") as caught:
        read(NIMOS)
    assert caught.value.setting == "columns.pixel_size_nm"
    assert "sigma" not in read(NIMOS, leave_out=["sigma"]).table.columns


def test_nanoimager_of_an_instrument(test_data):
    locs = read_localisations(test_data / "formats" / "oni_nanoimager_dstorm.csv", FileColumns(), 0.0)

    assert (locs.table.height, locs.dimensions) == (14, 2)
    assert locs.notes == ("z is 0 everywhere: read in 2D",)
    assert locs.table.row(0, named=True) == {
        "x": 40918.949219,
        "y": 56104.691406,
        "frame": 1548,
        "photons": 139.828232,
        "background": 0.8485,
        "channel": 0,
    }
    assert locs.table["channel"].to_list() == [0] * 9 + [1] * 5


def test_codi(read):
    # as named in explore-one-file.py of smlm-explore
    names = (
        "x-nm,y-nm,frame,channel,duration-frames,var-x-nm2,var-y-nm2,var-intensity-photons,var-background-photons,"
        "var-sigma-x-nm2,var-sigma-y-nm2,z-nm,bg-mean-photons,sigma-x-mean-nm,sigma-y-mean-nm,intensity-mean-photons,"
        "presplit-channels-channel-index,channel-group-index,parent-id,cluster-id,outlier-score,bleeding-distance-nm"
    )

    row = read(f"{names}\n100,200,3,1,4,9,25,5,6,7,7,30,2,130,140,800,0,0,11,17,0.5,60\n").table.row(0, named=True)

    assert row == {
        "x": 100.0,
        "y": 200.0,
        "z": 30.0,
        "frame": 0,
        "photons": 800.0,
        "precision": pytest.approx(sqrt((9 + 25) / 2)),
        "sigma": pytest.approx(sqrt((130**2 + 140**2) / 2)),
        "background": 2.0,
        "sigma_variance": 7.0,
        "n_frames": 4,
        "channel": 1,
        "source_cluster": 17,
    }


# the header of the test file of Locan
ELYRA = (
    "Index\tFirst Frame\tNumber Frames\tFrames Missing\tPosition X [nm]\tPosition Y [nm]\tPrecision [nm]\t"
    "Number Photons\tBackground variance\tChi square\tPSF half width [nm]\tChannel\tZ Slice\n"
)
ELYRA_ROWS = (
    "1\t5\t2\t0\t15850.6\t23502.1\t12.5\t1890\t70\t1.1\t152.5\t1\t1\n2\t6\t1\t0\t1\t2\t20\t500\t60\t1\t150\t1\t1\n"
)


def test_elyra_ends_at_a_nul_byte(read):
    tail = "\nVoxelSizeX : 0.0970873786 µm\nVoxelSizeY : 0.0970873786 µm\nSizeX : 2560\nROI List : \n"

    locs = read(f"{ELYRA}{ELYRA_ROWS}\0{tail}", encoding="latin-1")

    assert locs.table.rows(named=True) == [
        {"x": 15850.6, "y": 23502.1, "frame": 0, "photons": 1890.0, "precision": 12.5, "n_frames": 2, "channel": 1},
        {"x": 1.0, "y": 2.0, "frame": 1, "photons": 500.0, "precision": 20.0, "n_frames": 1, "channel": 1},
    ]
    assert read(f"{ELYRA}{ELYRA_ROWS}").table.equals(locs.table)
    layout = recognise(["First Frame", "Position X [nm]", "Position Y [nm]", "Position Z [nm]"], {})
    assert layout.names["z"] == "Position Z [nm]"


def test_rows_behind_the_nul_are_not_lost_in_silence(read):
    with pytest.raises(DataError, match=r"a\.csv: .*a NUL byte at position \d+, and rows behind it such as '1\\t5"):
        read(f"{ELYRA}{ELYRA_ROWS}\0\0\0\n{ELYRA_ROWS}")


# as checked for, word by word, by a public reader
NSTORM = (
    "Channel Name\tX\tY\tXc\tYc\tHeight\tArea\tWidth\tPhi\tAx\tBG\tI\tFrame\tLength\tLink\tValid\tZ\tZc\tPhotons\t"
    "Lateral Localization Accuracy\tXw\tYw\tXwc\tYwc\tZw\tZwc"
)
NSTORM_ROW = (
    "1.0\t2.0\t3.0\t4.0\t50\t600\t300\t0\t1\t10\t7\t9\t2\t-1\t1\t5.0\t6.0\t800\t15\t7.0\t8.0\t9.5\t10.5\t11.0\t12.0"
)


def test_nstorm(read):
    locs = read(f"{NSTORM}\n647\t{NSTORM_ROW}\n561\t{NSTORM_ROW}", channels=[561, 647])

    assert locs.table.row(0, named=True) == {
        "x": 9.5,
        "y": 10.5,
        "z": 12.0,
        "frame": 0,
        "photons": 800.0,
        "precision": 15.0,
        "n_frames": 2,
        "channel": 1,
    }
    assert locs.table["channel"].to_list() == [1, 0]


def test_channels_that_are_text_must_be_named(read):
    text = f"{NSTORM}\nNon Specific Activation\t{NSTORM_ROW}\nZ Rejected\t{NSTORM_ROW}"

    with pytest.raises(DataError, match=r"\[Non Specific Activation,Z Rejected\]") as caught:
        read(text)
    assert caught.value.setting == "columns.channels"
    assert "channel" not in read(text, leave_out=["channel"]).table.columns


@pytest.mark.parametrize(
    ("without", "positions"),
    [
        ((), ("Xwc", "Ywc", "Zwc")),
        (("Zw", "Zwc"), ("Xwc", "Ywc", "Zc")),
        (("Xwc", "Zwc"), ("Xc", "Yc", "Zc")),
        (("Xwc", "Ywc", "Zwc", "Zc"), ("Xc", "Yc", "Z")),
    ],
)
def test_nstorm_positions_are_warped_and_corrected_else_corrected(without, positions):
    layout = recognise([name for name in NSTORM.split("\t") if name not in without], {})

    assert tuple(layout.names[axis] for axis in "xyz") == positions


def test_text_for_nis_gives_positions_alone(read):
    text = "X\tY\tZ\tChannel\tWidth\tBG\tLength\tArea\tFrame\r\n10.50\t20.25\t-3\t1\t130\t5\t1\t900\t7\r\n"

    assert read(text, "a.nis.txt").table.rows(named=True) == [{"x": 10.5, "y": 20.25, "z": -3.0}]
    assert recognise(*TABLES["Picasso (text for NIS)"]).names == {"x": "X", "y": "Y"}


def test_smap(read):
    row = read("xnm,ynm,znm,frame,locprecnm,phot,bg,layer\n10,20,30,5,7.5,900,2,1\n").table.row(0, named=True)
    assert row == {"x": 10, "y": 20, "z": 30, "frame": 0, "photons": 900, "precision": 7.5, "background": 2}

    row = read("xnm,ynm,xnmerr,ynmerr,znmerr,PSFxnm,PSFynm,channel\n10,20,3,4,9,120,160,1\n").table.row(0, named=True)
    assert row["precision"] == pytest.approx(sqrt(12.5))
    assert row["sigma"] == pytest.approx(sqrt((120**2 + 160**2) / 2))
    assert (row["precision_z"], row["channel"]) == (9.0, 1)


def test_challenge(read):
    locs = read("Ground-truth,frame,xnano,ynano,znano,intensity \n1,1,100,250,-30,800\n2,3,1,2,3,4\n")

    assert locs.table.rows(named=True)[0] == {"x": 100.0, "y": 250.0, "z": -30.0, "frame": 0}
    assert locs.table["frame"].to_list() == [0, 2]


DECODE = (
    "x,y,z,phot,frame_ix,id,prob,bg,phot_cr,phot_sig,bg_cr,bg_sig,x_cr,y_cr,z_cr,x_sig,y_sig,z_sig\n"
    "10,20,-300,900,7,-1,0.9,12,5,6,7,8,0.01,0.04,400,0.1,0.2,25\n"
)


def comments(xy_unit="px", px_size=(100.0, 100.0), more=""):
    meta = json.dumps({"xy_unit": xy_unit, "px_size": px_size and list(px_size)})
    return f'# DECODE EmitterSet\n# {{"version": "v0.10.0"}}\n# {meta}\n{more}'


def test_decode(read):
    assert read(comments() + DECODE).table.row(0, named=True) == {
        "x": 1000.0,
        "y": 2000.0,
        "z": -300.0,
        "frame": 0,
        "photons": 900.0,
        "precision": pytest.approx(100 * sqrt((0.1**2 + 0.2**2) / 2)),
        "precision_z": 25.0,
        "background": 12.0,
    }
    row = read(comments("nm", None, "# fields not set/null: []\n") + DECODE).table.row(0, named=True)
    assert (row["x"], row["y"], row["z"]) == (10.0, 20.0, -300.0)
    assert read(comments("px", None) + DECODE, pixel_size_nm=50).table["x"].item() == 500.0
    assert read(comments("nm", (127.0, 117.0)) + DECODE).table["x"].item() == 10.0


def test_decode_bounds_of_the_variance(read):
    locs = read(comments() + "x,y,z,phot,frame_ix,x_cr,y_cr,z_cr\n10,20,30,900,7,0.01,0.04,400\n")

    row = locs.table.row(0, named=True)
    assert row["precision"] == pytest.approx(100 * sqrt((0.01 + 0.04) / 2))
    assert row["precision_z"] == 20.0


@pytest.mark.parametrize(
    ("before", "message"),
    [
        (comments("px", None), r"DECODE gives x, y, precision in camera pixels; .*third comment \(px_size\)"),
        (comments("px", (127.0, 117.0)), r"expected square pixels; found 127\.0 x 117\.0 nm"),
        (comments("px", (100, 100, 100)), r"expected square pixels; found 100 x 100 x 100 nm"),
        (comments(None, None), r"expected xy_unit nm or px .*found None"),
        ("# DECODE EmitterSet\n# {\n# []\n", r"expected xy_unit nm or px .*found None"),
        ("", "expected columns of a known software"),
    ],
)
def test_decode_without_a_unit_or_with_pixels_that_are_not_square(read, before, message):
    with pytest.raises(DataError, match=rf"a\.csv: {message}"):
        read(before + DECODE)


# as saveDataAsText writes it
SAVED = (
    "application_id: 1\tname: spots: 2\tfilepath: \tnr_pixels_x: 512\tpixel_size: 106.0\tlocation_units: {}\t"
    "intensity_units: PHOTONS\tfit_mode: 1\tis_track: false\thas_Z: true\n"
    "molecule\tchannel\tframe\tslice\tpos\tx\ty\tintensity\tbackground\twidth\ta\ttheta\tx_position\ty_position\t"
)


@pytest.mark.parametrize("mark", [".", ","])
def test_micromanager(read, mark):
    row = f"3\t1\t3\t1\t1\t100{mark}25\t200{mark}50\t850{mark}00\t12\t300\t1\t0\t9\t8\t7{mark}125\t-40{mark}00\n"

    assert read(f"{SAVED.format('NM')}x_precision\tz\n{row}").table.row(0, named=True) == {
        "x": 100.25,
        "y": 200.5,
        "z": -40.0,
        "frame": 0,
        "photons": 850.0,
        "precision": 7.125,
        "background": 12.0,
        "channel": 1,
    }


def test_micromanager_in_another_unit_is_not_known(read):
    with pytest.raises(DataError, match="expected columns of a known software"):
        read(f"{SAVED.format('PIXELS')}x_precision\n" + "\t".join("1" * 15) + "\n")


def test_micromanager_in_a_table_of_imagej(read):
    row = read(" \tFrame\tChannel\tX(nm)\tY(nm)\tInt(photons)\tSigma(nm)\n1\t2\t1\t10\t20\t300\t4\n").table.row(
        0, named=True
    )

    assert row == {"x": 10.0, "y": 20.0, "frame": 0, "photons": 300.0, "precision": 4.0, "channel": 1}
