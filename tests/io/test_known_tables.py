"""Headers that software writes, one by one: each is recognised by the layout of its software alone, in right units."""

import re
from math import sqrt

import pytest

from locgraph.errors import DataError
from locgraph.io.columns import FileColumns
from locgraph.io.header import PREAMBLE
from locgraph.io.layouts import find_layouts
from locgraph.io.read import open_reader, read_localisations

INSIGHT3 = "Cas2000\tX\tY\tXc\tYc\tHeight\tArea\tWidth\tPhi\tAx\tBG\tI\tFrame\tLength\tLink\tValid\tZ\tZc"
NSTORM = INSIGHT3.replace("Cas2000", "Channel Name") + "\tPhotons\tLateral Localization Accuracy\tXw\tYw\tXwc\tYwc"
GDSC = "Frame\torigX\torigY\torigValue\tError\tNoise (photon)\tMean (photon)\tBackground (photon)\tIntensity (photon)"
PICASSO = ",frame,x,y,photons,sx,sy,bg,lpx,lpy,net_gradient,likelihood,iterations"
SAVED_BY_MICROMANAGER = (
    "application_id: 1\tname: spots: 2\tlocation_units: NM\tintensity_units: PHOTONS\thas_Z: true\n"
    "molecule\tchannel\tframe\tslice\tpos\tx\ty\tintensity\tbackground\twidth\ta\ttheta\tx_precision\tz"
)
DECODE = "x,y,z,phot,frame_ix,id,prob,bg,phot_cr,phot_sig,bg_cr,bg_sig,x_cr,y_cr,z_cr,x_sig,y_sig,z_sig"
HEADERS = [
    ("Insight3", INSIGHT3),
    ("Nikon N-STORM", NSTORM),
    ("Nikon N-STORM", NSTORM.split("\tPhotons")[0]),
    ("Nikon N-STORM", NSTORM.replace("Channel Name", "Name")),
    ("Picasso (CSV)", PICASSO),
    ("Picasso (CSV)", f"{PICASSO},z,lpz,len,group"),
    ("Picasso (CSV of a molecular map)", f"{PICASSO},std_frame,n_events"),
    ("Picasso (text for NIS)", "X\tY\tZ\tChannel\tWidth\tBG\tLength\tArea\tFrame"),
    ("storm-analysis", "index,frame,background,error,height,iterations,significance,sum,x,xsigma,y,ysigma,z"),
    ("storm-analysis", "index,background,category,error,frame_number,height,sum,track_id,track_length,x,xsigma,y,z"),
    ("GDSC SMLM", f"{GDSC}\tX (nm)\tY (nm)\tZ (nm)\tS (nm)\tPrecision (nm)"),
    ("GDSC SMLM", f"#Localisation Results File\n#FileVersion Text.D0.E0.V3\n#{GDSC}\tX (px)\tY (px)\tZ (px)\tSx (px)"),
    ("GDSC SMLM", "#Frame\torigX\torigY\torigValue\tError\tNoise\tBackground\tSignal\tAngle\tX\tY\tX SD\tY SD"),
    ("PYME", "# A, fitResults_x0, fitResults_y0, x, y, z, error_x, error_y, error_z, sig, tIndex, t"),
    ("PYME", "#A\tx\ty\terror_x\tsig\tt\tprobe\tnPhotons"),
    ("PYME", ",A,error_x,sig,t,tIndex,x,y"),  # python-microscopy issue 1688: an index without a name
    ("SMAP", "frame,xnm,ynm,znm,locprecnm,locprecznm,phot,bg,layer"),
    ("SMAP", "xnm,ynm,frame,phot,xnmerr,ynmerr,PSFxnm,channel"),
    (
        "Zeiss ELYRA",
        "Index\tFirst Frame\tNumber Frames\tFrames Missing\tPosition X [nm]\tPosition Y [nm]\tPrecision [nm]",
    ),
    ("ThunderSTORM", '"id","frame","x [nm]","y [nm]","sigma [nm]","intensity [photon]","uncertainty_xy [nm]"'),
    ("ThunderSTORM", "id,frame,x[nm],y[nm],sigma[nm],intensity[photons],uncertainty[nm]"),
    ("ThunderSTORM", '"frame","x [px]","y [px]","z [um]","sigma1 [px]","sigma2 [px]","intensity [ADU]"'),
    ("ThunderSTORM", "frame,x [nm],y [nm],confidence [a.u]"),  # DeepSTORM of ZeroCostDL4Mic
    ("Abbelight NEO", '"id","frame","x [nm]","y [nm]","z [nm]","sigma [nm]","intensity [photon]","amplitude [photon]"'),
    ("ONI Nanoimager", "Channel,Frame,X (nm),Y (nm),Z (nm),Photons,Background"),
    ("ONI Nanoimager", "Channel,Frame,X (pix),Y (pix),X precision (pix),PSF Sigma X (pix),p-value"),
    ("ONI CODI", "x-nm,y-nm,frame,channel,duration-frames,var-x-nm2,var-y-nm2,z-nm,sigma-x-mean-nm,sigma-y-mean"),
    (
        "PALMTracer",
        "id\tPlane\tIndex\tChannel\tIntegrated_Intensity\tCentroidX(px)\tCentroidY(px)\tSigmaX(px)\tSigmaY(px)",
    ),
    ("DECODE", f'# DECODE EmitterSet\n# {{"version": "v0.10.0"}}\n# {{"xy_unit": "nm", "px_size": null}}\n{DECODE}'),
    ("Micro-Manager", SAVED_BY_MICROMANAGER),
    ("Micro-Manager", " \tFrame\tChannel\tX(nm)\tY(nm)\tInt(photons)\tSigma(nm)\tBackground"),
    ("pyMINFLUX", "iid,tid,x,y,z,tim,efo,cfr,eco,dcr,dwell,fbg,fluo"),
    ("QuickPALM", "\tIntensity\tX (px)\tY (px)\tX (nm)\tY (nm)\tZ (nm)\tLeft-Width (px)\tUp-Height (px)\tFrame Number"),
    ("EPFL challenge", "Ground-truth,frame,xnano,ynano,znano,intensity "),
    ("Locan", "original_index,frame,position_x,position_y,position_z,intensity,local_background"),
    # without what only one software writes, or without a unit
    (None, DECODE),
    (None, "tid,t,x,y,z"),
    (None, "x,y,z,frame,photons,channel"),
    (None, "frame,int,X,Y,Z"),
    (None, "X\tY\tXc\tYc\tHeight\tArea\tWidth\tPhi\tAx\tBG\tI\tFrame\tLength\tLink\tValid\tZ\tZc"),
    (None, "image-ID,time-point,cycle,z-step,frame,accum,probe,photon-count,psfx,psfy,x,y,z,accuracy"),
    (None, "X_(px)\tY_(px)\tX_(nm)\tY_(nm)\tAmplitude_fit\tFrame_Number"),
    (None, "frame,x_pix,y_pix,photons,crlb_x,crlb_y,x_nm,y_nm,crlb_xnm,crlb_ynm"),
    (None, "Frame,X (nm),Y (nm)"),
]


@pytest.mark.parametrize(("software", "header"), HEADERS)
def test_exactly_the_right_layout_accepts(tmp_path, software, header):
    delimiter = "\t" if "\t" in header.splitlines()[-1] else ","
    row = delimiter.join("1" for _ in header.splitlines()[-1].split(delimiter))
    (tmp_path / "a.txt").write_text(f"{header}\n{row}\n{row}\n")

    with open_reader(tmp_path / "a.txt") as reader:
        names, metadata, layout = reader.header.names, reader.header.metadata, reader.header.layout

    assert [layout.software for layout in find_layouts(names, metadata)] == ([software] if software else [])
    assert (layout.software if layout else None) == software


def test_rapidstorm_is_no_delimited_table(tmp_path):
    (tmp_path / "a.txt").write_text(
        '# <localizations><field identifier="Position-0-0" unit="nanometer"/>'
        '<field identifier="Position-1-0" unit="nanometer"/></localizations>\n1 2\n'
    )

    with open_reader(tmp_path / "a.txt") as reader:
        assert (reader.kind, reader.header.layout.software) == ("rapidstorm", "rapidSTORM")
        assert find_layouts(reader.header.names, {}) == []


def test_a_table_that_was_joined_from_two_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("x [nm],y [nm],frame,xnm,ynm\n1,2,3,4,5\n")

    with pytest.raises(DataError, match=r"found those of ThunderSTORM and SMAP\. Choose columns=custom"):
        read_localisations(tmp_path / "a.csv", FileColumns(), 0.0)


@pytest.fixture
def read(tmp_path):
    """Read a text as a file of known software."""

    def read(text, name="a.txt", **settings):
        (tmp_path / name).write_text(text)
        return read_localisations(tmp_path / name, FileColumns(**settings), 0.0).table

    return read


INSIGHT3_ROW = "3\t10\t20\t11\t21.5\t100\t9000\t300\t0\t1\t0\t500\t7\t2\t-1\t1\t-50\t-60\n"


def test_insight3_is_in_pixels_and_never_read_without_their_size(read):
    text = f"{INSIGHT3}\n{INSIGHT3_ROW}"

    with pytest.raises(DataError, match=r"Insight3 gives x, y in camera pixels; expected their size here\.") as caught:
        read(text)
    assert caught.value.setting == "columns.pixel_size_nm"
    assert read(text, pixel_size_nm=160).rows(named=True) == [
        {"x": 1760.0, "y": 3440.0, "z": -60.0, "frame": 0, "n_frames": 2, "channel": 3}
    ]


def test_picasso_csv_is_in_pixels_but_for_z(read):
    text = f"{PICASSO},z,lpz,len,group\n0,5,10,20,900,1,1.5,3,0.1,0.2,9,8,7,-150,30,2,4\n"

    with pytest.raises(DataError, match=r"in the YAML of its HDF5 \(Pixelsize\) or here") as caught:
        read(text)
    assert caught.value.setting == "columns.pixel_size_nm"
    row = read(text, pixel_size_nm=100).row(0, named=True)
    assert (row["x"], row["y"], row["z"], row["precision_z"]) == (1000.0, 2000.0, -150.0, 30.0)
    assert row["precision"] == pytest.approx(100 * sqrt((0.1**2 + 0.2**2) / 2))
    assert row["sigma"] == pytest.approx(100 * sqrt((1 + 1.5**2) / 2))
    assert (row["photons"], row["background"], row["n_frames"], row["source_cluster"]) == (900.0, 3.0, 2, 4)


def test_the_frame_of_a_molecule_is_a_mean(read):
    rows = "0,5.5,1,2,900,1,1,3,0.1,0.1,9,8,7,2.5,4\n1,7.75,1,2,900,1,1,3,0.1,0.1,9,8,7,2.5,4\n"

    table = read(f"{PICASSO},std_frame,n_events\n{rows}", pixel_size_nm=100)

    assert table.height == 2
    assert (table["x"][0], table["precision"][0]) == (100.0, pytest.approx(10.0))


def test_storm_analysis(read):
    header = "index,frame,background,error,height,significance,sum,x,xsigma,y,ysigma,z"

    row = read(f"{header}\n0,4,12,0.1,90,5,800,10,1.2,20,1.2,-0.25\n", pixel_size_nm=100).row(0, named=True)

    assert row == {
        "x": 1000.0,
        "y": 2000.0,
        "z": -250.0,
        "frame": 0,
        "photons": 800.0,
        "sigma": pytest.approx(120.0),
        "background": 12.0,
    }


@pytest.mark.parametrize("star", ["", "*"])
def test_gdsc_marks_computed_precisions(read, star):
    header = (
        f"#Localisation Results File\n#FileVersion Text.D0.E0.V3\n#{GDSC}\tX (nm)\tY (nm)\tS (nm)\tPrecision (nm)\n"
    )
    rows = f"1\t20\t20\t500\t0.1\t3\t50\t12.5\t900\t10\t20\t120\t9.5{star}\n"

    table = read(f"{header}{rows}#Trace 1 2 n=1\n{rows}")

    assert table.row(0, named=True) == {
        "x": 10.0,
        "y": 20.0,
        "frame": 0,
        "photons": 900.0,
        "precision": 9.5,
        "sigma": 120.0,
        "background": 12.5,
    }
    assert table.height == 2, "what stands behind # between rows is none"


@pytest.mark.parametrize(
    "text",
    [
        "#Frame\torigX\torigY\torigValue\tError\tNoise\tX\tY\n1\t2\t3\t4\t5\t6\t7.5\t8.5\n",
        "frame,position_x,position_y,intensity\n1,2.5,3.5,4\n",
    ],
)
def test_software_that_states_no_unit(read, text):
    with pytest.raises(DataError, match=r"states none for x, y\. .*columns=custom with columns\.names") as caught:
        read(text)
    assert caught.value.setting == "columns.unit"


def test_pyme(read):
    row = read("# x, y, z, error_x, error_y, error_z, sig, A, t\n1, 2, 3, 3, 4, 9, 110, 800, 7\n").row(0, named=True)

    assert row == {
        "x": 1.0,
        "y": 2.0,
        "z": 3.0,
        "frame": 0,
        "precision": pytest.approx(sqrt(12.5)),
        "precision_z": 9.0,
        "sigma": 110.0,
    }


PALMTRACER = "Width\tHeight\tnb_Planes\tnb_Points\t{}\n256\t256\t1000\t2\t{}\n" + (
    "id\tPlane\tIndex\tChannel\tIntegrated_Intensity\tX(px)\tY(px)\tSigmaX(px)\tSigmaY(px)\tAngle(rad)\tMSE_Gauss\tZ(um)\n"
    "1\t4\t1\t-1\t900\t10\t20\t1.5\t1.5\t0\t10\t-0.1\n2\t5\t1\t-1\t900\t11\t21\t1.5\t1.5\t0\t10\t0.2\n"
)


def test_palmtracer_has_two_header_lines(read):
    table = read(PALMTRACER.format("Pixel_Size(um)", 0.16))

    assert table.row(0, named=True) == {
        "x": 1600.0,
        "y": 3200.0,
        "z": -100.0,
        "frame": 0,
        "sigma": pytest.approx(240.0),
    }


@pytest.mark.parametrize("size", [("Pixel_Size(um)", "?"), ("Frame_Duration(s)", 0.05)])
def test_palmtracer_without_a_pixel_size(read, size):
    with pytest.raises(DataError, match=re.escape("its second line (Pixel_Size(um)) or here")) as caught:
        read(PALMTRACER.format(*size))
    assert caught.value.setting == "columns.pixel_size_nm"


def test_spaces_and_plurals_in_names_do_not_count(read):
    text = "id,frame,x[nm], y  [ nm ],sigma[nm],intensity [photons],uncertainty [nm]\n1,3,10,20,130,900,8\n"

    assert read(text).row(0, named=True) == {
        "x": 10.0,
        "y": 20.0,
        "frame": 0,
        "photons": 900.0,
        "precision": 8.0,
        "sigma": 130.0,
    }


REAL = {
    "insight3_molecule_list.txt": (2000, {"pixel_size_nm": 160}, {"channel": 1, "x": 10135.128, "y": 30084.072}),
    "gdsc_table.txt": (100, {}, {"photons": 900.0, "precision": 9.5, "sigma": 120.0, "background": 12.5, "x": 3046.45}),
    "thunderstorm_photons_plural.csv": (2765, {}, {"photons": 1976.0, "x": 21908.0}),
    "thunderstorm_table.dat": (399, {}, {"x": 5493.0, "y": 23616.0, "photons": 2998.3, "precision": 5.3639}),
    "pyme.csv": (499, {}, {"x": -196.2657, "precision": 28.07534, "precision_z": 28.07534, "sigma": 110.0, "frame": 0}),
    "palmtracer.txt": (100, {}, {"x": 19.04 * 160, "y": 23.513 * 160, "frame": 0}),
    "ts17_nospace.csv": (200, {}, {"x": 4547.847, "y": 3278.727, "precision": 8.25, "photons": 1000.0}),
}


@pytest.mark.parametrize("name", REAL)
def test_files_from_public_reports(test_data, name):
    rows, settings, first = REAL[name]

    table = read_localisations(test_data / "cases" / name, FileColumns(**settings), 0.0).table

    assert table.height == rows
    assert {column: table[column][0] for column in first} == pytest.approx(first)


def test_ranges_in_files_from_public_reports(test_data):
    def span(values):
        return values.max() - values.min()

    table = read_localisations(test_data / "cases" / "insight3_molecule_list.txt", FileColumns(160), 0.0).table
    assert span(table["x"]) == pytest.approx(36_800, rel=0.01)
    table = read_localisations(test_data / "cases" / "thunderstorm_photons_plural.csv", FileColumns(), 0.0).table
    assert (round(table["photons"].min()), round(table["photons"].max())) == (1001, 14_964)


def test_lines_above_the_names_are_kept(tmp_path):
    (tmp_path / "a.txt").write_text(PALMTRACER.format("Pixel_Size(um)", 0.16))

    with open_reader(tmp_path / "a.txt") as reader:
        assert reader.header.metadata[PREAMBLE].splitlines()[1] == "256\t256\t1000\t2\t0.16"
